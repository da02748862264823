// Something asked of the server for a component: asked again when its key changes, the old answer stays meanwhile.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";

export interface Resource<T> {
  data: T | undefined;
  error: unknown;
  loading: boolean;
  reload: () => void;
  /** Changes what is shown without asking. */
  change: (to: (old: T) => T) => void;
}

export function useResource<T>(key: string, ask: (signal: AbortSignal) => Promise<T>): Resource<T> {
  const [state, setState] = useState<{ data?: T; error?: unknown; loading: boolean }>({ loading: true });
  const [round, setRound] = useState(0);
  const latest = useRef(ask);
  latest.current = ask;
  useEffect(() => {
    const control = new AbortController();
    setState((old) => ({ ...old, loading: true }));
    latest.current(control.signal).then(
      (data) => { if (!control.signal.aborted) setState({ data, loading: false }); },
      (error: unknown) => {
        if (!control.signal.aborted) setState((old) => ({ ...old, error, loading: false }));
      },
    );
    return () => control.abort();
  }, [key, round]);
  const reload = useCallback(() => setRound((n) => n + 1), []);
  const change = useCallback((to: (old: T) => T) => setState((old) =>
    old.data === undefined ? old : { ...old, data: to(old.data) }), []);
  return { data: state.data, error: state.error, loading: state.loading, reload, change };
}
