// Pure parts of the summaries: languages.
import assert from "node:assert/strict";
import { test } from "node:test";
import { isTag, languageName, languagesFor } from "../src/core/summaries";

test("a language is a tag of BCP 47 by its form", () => {
  for (const good of ["en", "ja", "pt-BR", "zh-Hant", "sr-Latn-RS", "de-1996"]) assert.equal(isTag(good), true, good);
  for (const bad of ["", "e", "en_US", "en-", "日本語", "en us", "a".repeat(36), "toolonglanguage"]) {
    assert.equal(isTag(bad), false, bad);
  }
});

test("the reader's language comes first, then the server's, each once", () => {
  const all = languagesFor("ja", "pt-BR");
  assert.deepEqual(all.slice(0, 2), ["ja", "pt-BR"]);
  assert.equal(new Set(all).size, all.length);
  assert.deepEqual(languagesFor("en", "not a tag").slice(0, 1), ["en"]);
  assert.equal(languageName("not a tag"), "not a tag");
});
