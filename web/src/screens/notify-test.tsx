// A test of a channel: a real message to it, and what it answered.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { t } from "../core/i18n";
import type { Channel, Delivery } from "../core/notify";
import { visibleText } from "../core/visible";
import { Button, Failure } from "../ui/parts";
import { Answer, DeliveryState } from "./notify-parts";

const AGAIN_MS = 1000;
const LIMIT_MS = 90_000;

/** Until the channel has answered: the server waits for that, but not for ever. */
async function test(channel: Channel): Promise<Delivery> {
  let made = await api("POST /v1/notifications/channels/{id}/test", { path: { id: String(channel.id) } });
  const end = Date.now() + LIMIT_MS;
  while (made.state === "queued" && made.attempts === 0 && Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    made = await api("GET /v1/notifications/deliveries/{id}", { path: { id: String(made.id) } });
  }
  return made;
}

export interface Tested { busy: boolean; made?: Delivery; error?: unknown; run: (channel: Channel) => void }

export function useTest(onChange: () => void): Tested {
  const [state, setState] = useState<{ busy: boolean; made?: Delivery; error?: unknown }>({ busy: false });
  const run = (channel: Channel) => {
    setState({ busy: true });
    test(channel).then((made) => setState({ busy: false, made }), (error: unknown) => setState({ busy: false, error }))
      .finally(onChange);
  };
  return { ...state, run };
}

export function TestButton({ channel, tested, quiet }: { channel: Channel; tested: Tested; quiet?: boolean }) {
  return (
    <Button kind={quiet ? "quiet" : "plain"} busy={tested.busy} onClick={() => tested.run(channel)}
      aria-label={t("notifications.testOne", { name: visibleText(channel.name) })}>
      {t(tested.busy ? "notifications.testing" : "notifications.test")}
    </Button>
  );
}

export function TestResult({ of }: { of: Tested }) {
  return (
    <div class="notify-tested" role="status">
      {of.busy && <p class="faint">{t("notifications.testWaits")}</p>}
      {of.error !== undefined && <Failure error={of.error} />}
      {of.made && (
        <p><DeliveryState of={of.made} />{" "}
          {of.made.state === "delivered" ? t("notifications.testCame") : t("notifications.testFailed")}{" "}
          <span class="faint">{t("notifications.answered")}</span> <Answer of={of.made} /></p>
      )}
    </div>
  );
}
