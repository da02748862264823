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
  "PATCH /v1/me": { body: S.MeChange; answer: S.Me | S.SessionNew };
  "GET /v1/users": { query: Queries["page"]; answer: S.Users };
  "GET /v1/findings": { query: Queries["findings"] | "offset"; answer: S.Findings };
  "GET /v1/findings/facets": { query: Queries["findings"] | "facets" | "top"; answer: S.Facets };
  "GET /v1/findings/histogram": { query: Queries["findings"] | "width_ms"; answer: S.Histogram };
  "POST /v1/findings/bulk": { body: S.FindingsBulk; answer: S.Changed };
  "GET /v1/findings/{id}": { answer: S.Finding };
  "PATCH /v1/findings/{id}": { body: S.FindingChange; answer: S.Finding };
  "GET /v1/findings/{id}/alerts": { query: Queries["page"] | "filter" | "from" | "to"; answer: S.Alerts };
  "GET /v1/rules/{name}": { answer: S.Document };
  "GET /v1/lists": { query: Queries["page"] | "search" | "origin"; answer: S.Lists };
  "GET /v1/lists/{name}": { answer: S.Document };
  "GET /v1/lists/{name}/usage": { answer: S.Usage };
  "GET /v1/lists/{name}/items": { query: Queries["page"] | "search"; answer: S.ListItems };
  "POST /v1/lists/{name}/append": { body: S.ContentItems; answer: S.ContentCounts };
  "POST /v1/lists/{name}/remove": { body: S.ContentItems; answer: S.ContentCounts };
  "GET /v1/content/rollout": { query: Queries["page"] | "version" | "lagging"; answer: S.Rollout };
  "GET /v1/coverage": { query: "agent" | "state" | "limit" | "cursor"; answer: S.Coverage };
  "GET /v1/agents": { query: Queries["page"] | "state"; answer: S.Agents };
  "GET /v1/version": { answer: S.Version };
}

/** Of the settings. */
export interface Routes {
  "POST /v1/users": { body: S.UserNew; answer: S.User };
  "GET /v1/users/{name}": { answer: S.User };
  "PATCH /v1/users/{name}": { body: S.UserChange; answer: S.User };
  "DELETE /v1/users/{name}": { answer: void };
  "GET /v1/users/{name}/sessions": { answer: S.Sessions };
  "DELETE /v1/users/{name}/sessions": { answer: void };
  "GET /v1/sessions": { answer: S.Sessions };
  "DELETE /v1/sessions/{id}": { answer: void };
  "GET /v1/tokens": { query: Queries["page"] | "all"; answer: S.Tokens };
  "POST /v1/tokens": { body: S.TokenNew; answer: S.Token };
  "DELETE /v1/tokens/{id}": { answer: void };
  "GET /v1/enrolments": { query: Queries["page"]; answer: S.Enrolments };
  "POST /v1/enrolments": { body: S.EnrolmentNew; answer: S.EnrolmentMade };
  "GET /v1/enrolments/{id}": { answer: S.Enrolment };
  "DELETE /v1/enrolments/{id}": { answer: void };
  "GET /v1/audit": { query: Queries["page"] | "actor" | "action" | "object" | "result" | "from_ms" | "to_ms"; answer: S.Audit };
  "GET /v1/system": { answer: S.System };
  "GET /v1/stats": { query: "agent"; answer: S.Stats };
  "GET /v1/gaps": { query: Queries["page"] | "agent" | "kind" | "from" | "to"; answer: S.Gaps };
  "GET /v1/backups": { answer: S.Backups };
  "POST /v1/backup": { body: S.BackupNew; answer: S.Backup };
  "GET /v1/filters": { answer: S.Filters };
  "PATCH /v1/filters/{id}": { body: S.FilterChange; answer: S.Filter };
  "GET /v1/exceptions": { query: "active"; answer: S.Exceptions };
  "POST /v1/exceptions/preview": { body: S.ExceptionPreview; answer: S.ExceptionEffect };
  "PATCH /v1/exceptions/{id}": { body: S.ExceptionChange; answer: S.Exception };
  "DELETE /v1/exceptions/{id}": { answer: void };
  "GET /v1/suppressions": { answer: S.Suppressions };
  "POST /v1/suppressions": { body: S.SuppressionNew; answer: S.SuppressionMade };
  "PATCH /v1/suppressions/{id}": { body: S.SuppressionChange; answer: S.Suppression };
  "DELETE /v1/suppressions/{id}": { answer: void };
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

// Rules and macros.
export interface Routes {
  "GET /v1/rules": { query: Queries["page"] | "search" | "origin"; answer: S.Documents };
  "POST /v1/rules": { body: S.ContentText; answer: S.ContentVersion };
  "PUT /v1/rules/{name}": { body: S.ContentText; answer: S.ContentVersion };
  "PATCH /v1/rules/{name}": { body: S.ContentSwitch; answer: S.ContentVersion };
  "DELETE /v1/rules/{name}": { answer: S.ContentVersion };
  "GET /v1/rules/{name}/versions": { query: Queries["page"]; answer: S.ContentVersions };
  "GET /v1/rules/{name}/diff": { query: "from" | "to"; answer: S.ContentDiff };
  "POST /v1/rules/{name}/revert": { body: S.ContentRevert; answer: S.ContentVersion };
  "GET /v1/macros": { query: Queries["page"] | "search" | "origin"; answer: S.Documents };
  "POST /v1/macros": { body: S.ContentText; answer: S.ContentVersion };
  "GET /v1/macros/{name}": { answer: S.Document };
  "PUT /v1/macros/{name}": { body: S.ContentText; answer: S.ContentVersion };
  "DELETE /v1/macros/{name}": { answer: S.ContentVersion };
  "GET /v1/macros/{name}/usage": { answer: S.Usage };
  "GET /v1/macros/{name}/versions": { query: Queries["page"]; answer: S.ContentVersions };
  "GET /v1/macros/{name}/diff": { query: "from" | "to"; answer: S.ContentDiff };
  "POST /v1/macros/{name}/revert": { body: S.ContentRevert; answer: S.ContentVersion };
  "GET /v1/lists/{name}/versions": { query: Queries["page"]; answer: S.ContentVersions };
  "GET /v1/lists/{name}/diff": { query: "from" | "to"; answer: S.ContentDiff };
  "POST /v1/lists/{name}/revert": { body: S.ContentRevert; answer: S.ContentVersion };
  "GET /v1/policies/{name}/versions": { query: Queries["page"]; answer: S.ContentVersions };
  "GET /v1/policies/{name}/diff": { query: "from" | "to"; answer: S.ContentDiff };
  "POST /v1/policies/{name}/revert": { body: S.ContentRevert; answer: S.ContentVersion };
  "GET /v1/content/complete": { answer: S.ContentComplete };
  "POST /v1/content/check": { body: S.ContentCheck; answer: S.ContentChecked };
  "POST /v1/content/dry-run": { body: S.DryRun; answer: S.DryRunResult };
}

// Policies, lists and what both share.
export interface Routes {
  "GET /v1/policies": { query: Queries["page"] | "search" | "origin"; answer: S.Policies };
  "POST /v1/policies": { body: S.ContentText; answer: S.ContentVersion };
  "GET /v1/policies/{name}": { answer: S.Policy };
  "PUT /v1/policies/{name}": { body: S.ContentText; answer: S.ContentVersion };
  "PATCH /v1/policies/{name}": { body: S.ContentSwitch; answer: S.ContentVersion };
  "DELETE /v1/policies/{name}": { answer: S.ContentVersion };
  "GET /v1/policies/{name}/versions": { query: Queries["page"]; answer: S.ContentVersions };
  "GET /v1/policies/{name}/diff": { query: "from" | "to"; answer: S.ContentDiff };
  "POST /v1/policies/{name}/revert": { body: S.ContentRevert; answer: S.ContentVersion };
  "GET /v1/rules": { query: Queries["page"] | "search" | "origin"; answer: S.Documents };
  "POST /v1/lists": { body: S.ContentListNew; answer: S.ContentVersion };
  "PUT /v1/lists/{name}": { body: S.ContentText; answer: S.ContentVersion };
  "DELETE /v1/lists/{name}": { answer: S.ContentVersion };
  "GET /v1/lists/{name}/versions": { query: Queries["page"]; answer: S.ContentVersions };
  "GET /v1/lists/{name}/diff": { query: "from" | "to"; answer: S.ContentDiff };
  "POST /v1/lists/{name}/revert": { body: S.ContentRevert; answer: S.ContentVersion };
  "POST /v1/lists/{name}/check": { body: S.ContentItemsCheck; answer: S.ContentItemsChecked };
  "POST /v1/content/check": { body: S.ContentCheck; answer: S.ContentChecked };
}

// A finding.
export interface Routes {
  "GET /v1/activity": { query: Queries["page"] | "filter" | "from" | "to"; answer: S.Activity };
  "GET /v1/alerts": { query: Queries["page"] | "filter" | "from" | "to"; answer: S.Alerts };
  "GET /v1/findings/{id}/notes": { answer: S.Notes };
  "POST /v1/findings/{id}/notes": { body: S.NoteNew; answer: S.Note };
  "GET /v1/findings/{id}/audit": { query: Queries["page"]; answer: S.FindingAudit };
  "GET /v1/findings/{id}/responses": { answer: S.Responses };
  "POST /v1/findings/{id}/respond": { body: S.Respond; answer: S.Response };
  "GET /v1/exceptions": { query: "active"; answer: S.Exceptions };
  "POST /v1/exceptions": { body: S.ExceptionNew; answer: S.ExceptionMade };
  "POST /v1/exceptions/preview": { body: S.ExceptionPreview; answer: S.ExceptionEffect };
  "POST /v1/suppressions": { body: S.SuppressionNew; answer: S.SuppressionMade };
}

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

/** Notifications. */
export interface Routes {
  "GET /v1/notifications/channels": { answer: S.NotificationChannels };
  "POST /v1/notifications/channels": { body: S.NotificationChannelNew; answer: S.NotificationChannel };
  "PATCH /v1/notifications/channels/{id}": { body: S.NotificationChannelChange; answer: S.NotificationChannel };
  "DELETE /v1/notifications/channels/{id}": { answer: void };
  "POST /v1/notifications/channels/{id}/test": { answer: S.NotificationDelivery };
  "GET /v1/notifications/rules": { answer: S.NotificationRules };
  "POST /v1/notifications/rules": { body: S.NotificationRuleNew; answer: S.NotificationRule };
  "PATCH /v1/notifications/rules/{id}": { body: S.NotificationRuleChange; answer: S.NotificationRule };
  "DELETE /v1/notifications/rules/{id}": { answer: void };
  "GET /v1/notifications/deliveries": { query: Queries["page"] | "channel" | "rule" | "state" | "finding";
    answer: S.NotificationDeliveries };
  "GET /v1/notifications/deliveries/{id}": { answer: S.NotificationDelivery };
  "POST /v1/notifications/deliveries/{id}/retry": { answer: S.NotificationDelivery };
}

/** What language models say of a finding. */
export interface Routes {
  "GET /v1/summaries": { answer: S.SummariesSettings };
  "GET /v1/findings/{id}/summaries": { answer: S.Summaries };
  "POST /v1/findings/{id}/summaries": { body: S.SummaryNew; answer: S.Summary };
  "GET /v1/findings/{id}/summaries/preview": { query: "language"; answer: S.SummaryPreview };
  "DELETE /v1/findings/{id}/summaries/{number}": { answer: void };
}
