// Put in front of every test: texts of both languages.
import { en } from "../src/core/en";
import { provide } from "../src/core/i18n";
import { ja } from "../src/core/ja";

provide("en", en);
provide("ja", ja);
