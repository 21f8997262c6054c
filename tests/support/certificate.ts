import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { HOST } from "./free_port.ts";

/** Paths of the PEM files of a certificate. */
export interface Certificate {
  /** The certificate of the authority that a client must trust. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Creates an authority, and a certificate of it for 127.0.0.1 and localhost, valid for a day. */
export function makeCertificate(folder: string): Certificate {
  const path = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): void => void execFileSync("openssl", args, { stdio: "pipe" });
  const newKey = ["-newkey", "rsa:2048", "-nodes"];

  writeFileSync(path("server.ext"), `subjectAltName = IP:${HOST}, DNS:localhost\n`);
  openssl(
    ...["req", "-x509", ...newKey, "-days", "1", "-subj", "/CN=streaq test authority"],
    ...["-keyout", path("ca.key"), "-out", path("ca.pem")],
  );
  openssl("req", ...newKey, "-subj", "/CN=localhost", "-keyout", path("server.key"), "-out", path("server.csr"));
  openssl(
    ...["x509", "-req", "-in", path("server.csr"), "-days", "1", "-extfile", path("server.ext")],
    ...["-CA", path("ca.pem"), "-CAkey", path("ca.key"), "-CAcreateserial", "-out", path("server.pem")],
  );
  return { ca: path("ca.pem"), cert: path("server.pem"), key: path("server.key") };
}
