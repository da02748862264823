// The server's routes that the console uses, with what goes in and comes out. The end-to-end test compares this
// table with /v1/openapi.json.
import type * as S from "../generated/schemas";

interface Queries {
  findings: "filter" | "text" | "from" | "to" | "sort" | "limit" | "cursor";
  page: "limit" | "cursor";
}

export interface Routes {
  "GET /v1/setup": { answer: S.Setup };
  "POST /v1/setup": { body: S.SetupNew; answer: S.SessionNew };
  "GET /v1/session": { answer: S.Session };
  "POST /v1/session": { body: S.Login; answer: S.SessionNew };
  "DELETE /v1/session": { answer: void };
  "GET /v1/me": { answer: S.Me };
  "PATCH /v1/me": { body: S.MeChange; answer: S.Me };
  "GET /v1/users": { query: Queries["page"]; answer: S.Users };
  "GET /v1/findings": { query: Queries["findings"] | "offset"; answer: S.Findings };
  "GET /v1/findings/facets": { query: Queries["findings"] | "facets" | "top"; answer: S.Facets };
  "GET /v1/findings/histogram": { query: Queries["findings"] | "width_ms"; answer: S.Histogram };
  "POST /v1/findings/bulk": { body: S.FindingsBulk; answer: S.Changed };
  "GET /v1/findings/{id}": { answer: S.Finding };
  "PATCH /v1/findings/{id}": { body: S.FindingChange; answer: S.Finding };
  "GET /v1/findings/{id}/alerts": { query: Queries["page"] | "filter" | "from" | "to"; answer: S.Alerts };
  "GET /v1/rules/{name}": { answer: S.Document };
  "GET /v1/lists": { query: Queries["page"] | "search" | "origin"; answer: S.Documents };
  "GET /v1/lists/{name}": { answer: S.Document };
  "GET /v1/lists/{name}/usage": { answer: S.Usage };
  "GET /v1/lists/{name}/items": { query: Queries["page"] | "search"; answer: S.ListItems };
  "POST /v1/lists/{name}/append": { body: S.ContentItems; answer: S.ContentCounts };
  "POST /v1/lists/{name}/remove": { body: S.ContentItems; answer: S.ContentCounts };
  "GET /v1/content/rollout": { query: Queries["page"] | "version"; answer: S.Rollout };
  "GET /v1/coverage": { query: "agent" | "state" | "limit" | "cursor"; answer: S.Coverage };
  "GET /v1/agents": { query: Queries["page"] | "state"; answer: S.Agents };
  "GET /v1/version": { answer: S.Version };
}

export type Operation = keyof Routes;

type ParamNames<P extends string> = P extends `${string}{${infer N}}${infer Rest}` ? N | ParamNames<Rest> : never;
type PathOf<O extends Operation> = O extends `${string} ${infer P}` ? P : never;

type PathPart<O extends Operation> = [ParamNames<PathOf<O>>] extends [never]
  ? { path?: never }
  : { path: Record<ParamNames<PathOf<O>>, string> };
type QueryPart<O extends Operation> = Routes[O] extends { query: infer Q extends string }
  ? { query?: Partial<Record<Q, string | number | undefined>> }
  : { query?: never };
type BodyPart<O extends Operation> = Routes[O] extends { body: infer B } ? { body: B } : { body?: never };

export type Call<O extends Operation> = PathPart<O> & QueryPart<O> & BodyPart<O> & { signal?: AbortSignal };
export type Answer<O extends Operation> = Routes[O]["answer"];

/** No argument where everything of it may be left out. */
export type Arguments<O extends Operation> = Record<string, never> extends Omit<Call<O>, "signal">
  ? [call?: Call<O>]
  : [call: Call<O>];

/** The findings' screen. */
export interface Routes {
  "GET /v1/fields": { answer: S.Fields };
  "GET /v1/filters": { answer: S.Filters };
  "POST /v1/filters": { body: S.FilterNew; answer: S.Filter };
  "PATCH /v1/filters/{id}": { body: S.FilterChange; answer: S.Filter };
  "DELETE /v1/filters/{id}": { answer: void };
}

/** Overview, coverage, activity, onboarding. */
export interface Routes {
  "GET /v1/content/versions": { query: Queries["page"]; answer: S.ContentVersions };
  "GET /v1/activity": { query: Queries["page"] | "filter" | "from" | "to"; answer: S.Activity };
  "GET /v1/activity/histogram": { query: "filter" | "from" | "to" | "width_ms"; answer: S.ActivityHistogram };
  "GET /v1/coverage/containers": { query: Queries["page"] | "agent" | "state" | "search"; answer: S.Containers };
  "GET /v1/gaps": { query: Queries["page"] | "agent" | "kind" | "from" | "to"; answer: S.Gaps };
  "GET /v1/agents/{id}": { answer: S.Agent };
  "POST /v1/agents/{id}/revoke": { answer: S.Agent };
  "POST /v1/agents/{id}/test": { answer: S.AgentTest };
  "POST /v1/enrolments": { body: S.EnrolmentNew; answer: S.EnrolmentMade };
  "GET /v1/enrolments/{id}": { answer: S.Enrolment };
  "DELETE /v1/enrolments/{id}": { answer: void };
  "POST /v1/tokens": { body: S.TokenNew; answer: S.Token };
}
