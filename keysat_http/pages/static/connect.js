// A profile's accounts and logo. Connecting BTCPay Server opens its consent page and watches until a
// store is connected.
"use strict";
(() => {
  const { call, plain, toast } = window.keysatAdmin;
  const PAUSE_MS = 2500;
  const LASTS_MS = 30 * 60 * 1000;

  const profileOf = (profileId) => call(`GET /v1/admin/merchant-profiles/${profileId}`);

  // Says why the consent came to nothing; of a key of several stores, which one may be chosen.
  function explain(note, failure) {
    const stores = failure.stores.map((store) => `${store.name} (${store.id})`);
    note.textContent = stores.length
      ? `The key covers several stores: ${stores.join(", ")}. Close this, name one of them and begin anew.`
      : `${plain(failure.message)} Close this and begin anew.`;
    const fold = document.getElementById("btcpay-store")?.closest("details");
    if (fold && stores.length) fold.open = true;
  }

  async function watch(dialog, profileId, until) {
    const note = dialog.querySelector("[data-part=state]");
    while (dialog.open && Date.now() < until) {
      await new Promise((resolve) => { setTimeout(resolve, PAUSE_MS); });
      try {
        const profile = await profileOf(profileId);
        if (profile.connect_failure) return explain(note, profile.connect_failure);
        if (profile.providers.some((one) => one.kind === "btcpay")) {
          dialog.close();
          toast("BTCPay Server is connected.");
          location.reload();
          return;
        }
      } catch (failure) {
        note.textContent = plain(failure.message);
      }
    }
    if (dialog.open) note.textContent = "The link has expired. Close this and begin anew.";
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-connect-btcpay]");
    if (!button) return;
    const dialog = document.getElementById("connect-btcpay");
    const note = dialog.querySelector("[data-part=state]");
    const link = dialog.querySelector("a");
    const field = dialog.querySelector("input");
    link.hidden = true;
    note.textContent = "Asking for a link …";
    dialog.showModal();
    try {
      const profileId = button.dataset.connectBtcpay;
      const body = { merchant_profile_id: profileId };
      const wanted = document.getElementById("btcpay-store")?.value.trim();
      if (wanted) body.store_id = wanted;
      const started = await call("POST /v1/admin/btcpay/connect", body);
      link.href = started.authorize_url;
      link.hidden = false;
      field.value = started.authorize_url;
      note.textContent = "Waiting for your consent. This closes by itself.";
      link.focus();
      window.open(started.authorize_url, "_blank", "noopener,noreferrer");
      await watch(dialog, profileId, Date.now() + LASTS_MS);
    } catch (failure) {
      note.textContent = plain(failure.message);
    }
  });

  // A picture is read as soon as it is chosen, so that the form can be read without waiting.
  document.addEventListener("change", async (event) => {
    if (!("base64" in event.target.dataset) || !event.target.files.length) return;
    const bytes = new Uint8Array(await event.target.files[0].arrayBuffer());
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    event.target.dataset.content = btoa(text);
  });
  document.addEventListener("keysat:read", (event) => {
    const picture = event.target.querySelector("[data-base64]");
    if (picture) event.detail.body.content = picture.dataset.content ?? "";
  });

  // What an account needs to be told when it cannot be told by us.
  document.addEventListener("keysat:done", (event) => {
    const said = event.detail;
    if (!said?.webhook_url || said.webhook_registered) return;
    const dialog = document.getElementById("zaprite-webhook");
    dialog.querySelector("code").textContent = said.webhook_url;
    dialog.querySelector("[data-part=why]").textContent = said.webhook_explainer;
    dialog.showModal();
  });
})();
