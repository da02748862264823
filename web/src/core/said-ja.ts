// All sentences of the server that are known in Japanese; tests compare them with the sources that say them.
import type { Sentences } from "./said";
import { ofOutward } from "./said-ja-outward";
import { ofRules } from "./said-ja-rules";
import { ofServer } from "./said-ja-server";
import { ofSummaries } from "./said-ja-summaries";

/** What is said of something that comes first; the last to be tried, since it fits much. */
const ofSomething: Sentences = [["{}: {}", "{1}: {2}"]];

/** Where several fit, the first is taken: those that say more come before those that say less. */
export const sentences: Sentences = [...ofOutward, ...ofSummaries, ...ofServer, ...ofRules, ...ofSomething];
