// What browsers have and node 18, which Debian 12 comes with, has not: for the unit tests alone.
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto;
Array.prototype.with ??= function (at, value) {
  const copy = [...this];
  copy[at < 0 ? copy.length + at : at] = value;
  return copy;
};
