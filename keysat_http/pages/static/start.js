// What only the first run needs: the way to BTCPay's consent page, and how long a tier holds.
"use strict";
(() => {
  const { call, showFailure } = window.keysatAdmin;

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-consent]");
    if (!button) return;
    button.setAttribute("aria-busy", "true");
    try {
      const { authorize_url: address } = await call(button.dataset.consent, {});
      location.assign(address);
    } catch (failure) {
      showFailure(button.closest(".card"), failure);
    } finally {
      button.removeAttribute("aria-busy");
    }
  });

  // One question here, two fields in the API: days it holds, and days after which it is paid anew.
  // Heard on the way down, because the event does not bubble.
  document.addEventListener("keysat:read", (event) => {
    const terms = event.target.querySelector("[data-terms]");
    if (!terms) return;
    const [holds, renews] = terms.value.split("/").map(Number);
    Object.assign(event.detail.body, {
      duration_seconds: holds * 86400, is_recurring: renews > 0, renewal_period_days: renews,
    });
  }, true);
})();
