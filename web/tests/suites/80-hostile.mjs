// Text that attackers wrote, through screens and addresses: no script, no markup, and what hides in it is shown.
export default async function hostile(w) {
  const { page, server, check } = w;
  const { id } = await w.findingWhere('host = "evil-host"');
  const places = [`/findings?time=all&open=${id}`, `/findings/${id}`, `/findings?is=${encodeURIComponent("host=evil-host")}`,
    `/findings?q=${encodeURIComponent("<img src=x onerror=window.hacked=1>")}`, `/lists/${encodeURIComponent("<script>window.hacked=1</script>")}`,
    `/findings?is=${encodeURIComponent("rule=<img src=x onerror=window.hacked=1>")}`, "/%3Cimg%20src=x%3E"];
  for (const place of places) {
    await page.goto(server.url + place);
    await page.waitForTimeout(400);
    check(await page.evaluate(() => window.hacked === undefined), `${place}: a script ran`);
    check(await page.evaluate(() => document.querySelectorAll("#app script, #app img:not([src='/favicon.svg'])").length) === 0,
      `${place}: text became markup`);
  }
  await page.goto(`${server.url}/findings/${id}`);
  await page.locator(".lineage").waitFor();
  check(await page.locator(".unseen", { hasText: "U+202E" }).count() > 0, "direction marks are made visible");
  check(await page.locator(".unseen", { hasText: "U+200B" }).count() > 0, "zero-width characters are made visible");
  await w.picture("hostile-light");
}
