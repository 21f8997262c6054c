/** A listener as `addEventListener` takes it. */
type Listener = EventListenerOrEventListenerObject;

/** Calls user code in the scope of its task; catches what it throws. */
export type CallListener = (listener: () => unknown) => void;

/**
 * Makes all listeners of a task's signal run through `call`. A runtime calls listeners in the flow of the code that aborts,
 * which is ours, and ends the process when one throws.
 */
export function guardListeners(signal: AbortSignal, call: CallListener): AbortSignal {
  const wrapped = new WeakMap<Listener, (event: Event) => void>();
  const wrap = (listener: Listener | null): ((event: Event) => void) | null => {
    if (!listener) return null;
    let guarded = wrapped.get(listener);
    if (!guarded) {
      guarded = (event) => {
        call(() => typeof listener === "function" ? listener.call(signal, event) : listener.handleEvent(event));
      };
      wrapped.set(listener, guarded);
    }
    return guarded;
  };
  const { addEventListener, removeEventListener } = signal;
  let onabort: AbortSignal["onabort"] = null;
  return Object.defineProperties(signal, {
    addEventListener: {
      value: (type: string, listener: Listener | null, options?: boolean | AddEventListenerOptions) =>
        addEventListener.call(signal, type, wrap(listener)!, options),
    },
    removeEventListener: {
      value: (type: string, listener: Listener | null, options?: boolean | EventListenerOptions) =>
        removeEventListener.call(signal, type, wrap(listener)!, options),
    },
    onabort: {
      get: () => onabort,
      set: (listener: AbortSignal["onabort"]) => {
        if (onabort) signal.removeEventListener("abort", onabort as Listener);
        onabort = typeof listener === "function" ? listener : null;
        if (onabort) signal.addEventListener("abort", onabort as Listener);
      },
    },
  });
}
