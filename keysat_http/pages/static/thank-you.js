"use strict";

// Asks how the purchase stands, ever more seldom, and shows the license key once there is one.
(() => {
  const SECOND = 1000;
  const MINUTE = 60 * SECOND;
  // Up to this age of the page, the pause between two questions.
  const PACE = [
    { until: 2 * MINUTE, pause: 3 * SECOND },
    { until: 10 * MINUTE, pause: 10 * SECOND },
    { until: 30 * MINUTE, pause: 30 * SECOND },
  ];

  const page = document.getElementById("purchase");
  const key = document.getElementById("license-key");
  const copyButton = document.getElementById("copy-key");
  const copyNote = document.getElementById("copy-note");
  const openedAt = Date.now();

  const show = (state) => {
    page.dataset.state = state;
    for (const section of page.querySelectorAll("[data-when]")) {
      section.hidden = section.dataset.when !== state;
    }
    page.querySelector(`[data-when="${state}"] h1`).focus();
  };

  const stateOf = (purchase) => {
    if (purchase.license_key) return "ready";
    if (purchase.license_id) return "withheld";
    if (purchase.status === "expired" || purchase.status === "invalid") return "failed";
    return "waiting";
  };

  const waitForNext = () => {
    const age = Date.now() - openedAt;
    const step = PACE.find(({ until }) => age < until);
    if (step) {
      setTimeout(ask, step.pause);
    } else {
      show("stopped");
    }
  };

  const ask = async () => {
    try {
      const path = `${page.dataset.basePath}/v1/purchase/${encodeURIComponent(page.dataset.invoiceId)}`;
      const response = await fetch(path, { cache: "no-store" });
      if (response.status === 404) {
        show("unknown");
        return;
      }
      if (response.ok) {
        const purchase = await response.json();
        const state = stateOf(purchase);
        if (state !== "waiting") {
          key.textContent = purchase.license_key || "";
          show(state);
          return;
        }
      }
    } catch {
      // The network is down or the answer was cut off: the next question may get through.
    }
    waitForNext();
  };

  const select = () => {
    const range = document.createRange();
    range.selectNodeContents(key);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  };

  const copy = async () => {
    try {
      await navigator.clipboard.writeText(key.textContent);
      copyNote.textContent = "Copied.";
    } catch {
      // Without TLS browsers offer no clipboard; then the key is at least selected.
      select();
      copyNote.textContent = "Selected: copy it with your keyboard or menu.";
    }
  };

  copyButton.hidden = false;
  copyButton.addEventListener("click", copy);
  if (page.dataset.state === "waiting") waitForNext();
})();
