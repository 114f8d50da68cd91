// Asks how the purchase stands, ever more seldom, and shows the page anew once that has changed.
"use strict";
(() => {
  const SECOND = 1000;
  const MINUTE = 60 * SECOND;
  // Up to this age of the page, the pause between two questions.
  const PACE = [
    { until: 2 * MINUTE, pause: 3 * SECOND },
    { until: 10 * MINUTE, pause: 10 * SECOND },
    { until: 30 * MINUTE, pause: 30 * SECOND },
  ];

  const base = document.documentElement.dataset.base || "";
  const page = document.getElementById("purchase");
  const openedAt = Date.now();

  const isOver = (purchase) =>
    Boolean(purchase.license_key || purchase.license_id) ||
    purchase.status === "expired" || purchase.status === "invalid";

  // What the server renders now takes the place of what it rendered then; nothing else changes.
  async function renew() {
    const answer = await fetch(location.href, { cache: "no-store", headers: { "HX-Request": "true" } });
    if (!answer.ok) throw new Error("not now");
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("purchase");
    page.replaceChildren(...fresh.childNodes);
    page.dataset.state = fresh.dataset.state;
    arrange();
    page.querySelector("h1").focus();
  }

  function stop() {
    page.dataset.state = "stopped";
    for (const section of page.querySelectorAll("section")) section.hidden = section.id !== "stopped";
    page.querySelector("#stopped h1").focus();
  }

  function waitForNext() {
    const age = Date.now() - openedAt;
    const step = PACE.find(({ until }) => age < until);
    if (step) setTimeout(ask, step.pause);
    else stop();
  }

  async function ask() {
    try {
      const path = `${base}/v1/purchase/${encodeURIComponent(page.dataset.invoiceId)}`;
      const response = await fetch(path, { cache: "no-store" });
      if (response.status === 404 || (response.ok && isOver(await response.json()))) return await renew();
    } catch {
      // The network is down or the answer was cut off: the next question may get through.
    }
    return waitForNext();
  }

  function arrange() {
    const copy = document.getElementById("copy-key");
    if (copy) copy.hidden = false;
  }

  arrange();
  if (page.dataset.state === "waiting") waitForNext();
})();
