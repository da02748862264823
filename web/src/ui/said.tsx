// A sentence of the server's own, in the reader's language where it is known; names in it are shown as Text shows them.
import { said } from "../core/said";
import { Text } from "./text";

export function Said({ of }: { of: string | null | undefined }) {
  return <Text of={of ? said(of) : of} />;
}
