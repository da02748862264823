// All sentences of the server that are known in Japanese; tests compare them with the sources that say them.
import type { Sentences } from "./said";
import { ofRules } from "./said-ja-rules";
import { ofServer } from "./said-ja-server";
import { ofSummaries } from "./said-ja-summaries";

export const sentences: Sentences = [...ofServer, ...ofSummaries, ...ofRules];
