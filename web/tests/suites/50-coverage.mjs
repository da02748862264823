// Coverage: who watches and how well.
export default async function coverage({ page, server, until, inspect }) {
  await inspect("coverage", async () => {
    await page.goto(`${server.url}/coverage`);
    await page.locator(".table tbody tr").nth(2).waitFor();
  });
  await page.goto(`${server.url}/coverage`);
  await page.getByRole("link", { name: "Unhealthy" }).click();
  await until("the unhealthy ones", async () => (await page.locator(".table tbody tr").count()) === 1);
}
