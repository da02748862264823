// All of one finding, in the drawer and on its page. What it consists of is loaded when the first one is opened.
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { api } from "../core/api";
import { listen } from "../core/live";
import { useResource, type Resource } from "../core/resource";
import type { Finding } from "../generated/schemas";
import { Failure, Loading } from "../ui/parts";

export function useFinding(id: string): Resource<Finding> {
  const finding = useResource<Finding>(id, (signal) => api("GET /v1/findings/{id}", { path: { id }, signal }));
  useEffect(() => {
    const ends = [listen("finding", (event) => { if (event.id === id) finding.reload(); }), listen("lost", finding.reload)];
    return () => ends.forEach((end) => end());
  }, [id]);
  return finding;
}

export interface FindingProps {
  finding: Resource<Finding>;
  /** Something of it was changed here. */
  onChange: () => void;
}

let Loaded: ComponentType<FindingProps> | undefined;

export function FindingBody(props: FindingProps) {
  const [, again] = useState(0);
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    if (Loaded) return;
    import("./finding-view").then((module) => { Loaded = module.default; again((n) => n + 1); }, setError);
  }, []);
  if (error !== undefined) return <Failure error={error} retry={() => window.location.reload()} />;
  if (props.finding.error !== undefined && !props.finding.data) {
    return <Failure error={props.finding.error} retry={props.finding.reload} />;
  }
  return Loaded && props.finding.data ? <Loaded {...props} /> : <Loading />;
}
