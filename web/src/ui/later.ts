// A value that follows another one when that has rested: for what is asked of the server while somebody types.
import { useEffect, useState } from "preact/hooks";

const RESTS_MS = 350;

export function useRested<T>(value: T, key: string): [T, boolean] {
  const [rested, setRested] = useState({ value, key });
  useEffect(() => {
    if (rested.key === key) return undefined;
    const timer = window.setTimeout(() => setRested({ value, key }), RESTS_MS);
    return () => window.clearTimeout(timer);
  }, [key, rested.key]);
  return [rested.value, rested.key === key];
}
