// The form of a discount code: what an amount means goes with the kind, and tiers with the product.
"use strict";
(() => {
  function arrange(form) {
    const kind = form.elements.namedItem("kind");
    if (!kind) return;
    const amount = form.elements.namedItem("amount");
    const isPercent = kind.value === "percent";
    const isFree = kind.value === "free_license";
    const currency = form.elements.namedItem("discount_currency");
    amount.dataset.as = isPercent ? "percent" : "money";
    amount.closest(".field").hidden = isFree;
    amount.disabled = isFree;
    currency.closest(".field").hidden = isPercent || isFree;
    currency.disabled = isPercent || isFree;
    form.querySelector("[data-amount-label]").textContent =
      isPercent ? "Percent off" : kind.value === "set_price" ? "Price to pay" : "Amount off";
    const product = form.elements.namedItem("product_slug").value;
    for (const group of form.querySelectorAll("[data-tiers-of]")) {
      const isShown = group.dataset.tiersOf === product;
      group.hidden = !isShown;
      for (const box of group.querySelectorAll("input")) box.disabled = !isShown;
    }
  }

  // Letters and digits that nobody mistakes for one another: 32 of them, so that none is likelier.
  const LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-generate]");
    if (!button) return;
    const bytes = [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => LETTERS[byte % LETTERS.length]);
    const field = document.querySelector(button.dataset.generate);
    field.value = [bytes.slice(0, 4), bytes.slice(4, 8), bytes.slice(8)].map((part) => part.join("")).join("-");
    field.focus();
  });

  document.addEventListener("change", (event) => {
    const form = event.target.form;
    if (form && "code" in form.dataset) arrange(form);
  });
  document.addEventListener("reset", (event) => {
    if ("code" in event.target.dataset) setTimeout(() => arrange(event.target));
  });
  document.addEventListener("keysat:read", (event) => {
    const kind = event.target.elements.namedItem("kind");
    if (kind?.value === "free_license") event.detail.body.amount = 0;
  });
  // An instant is stored in UTC and edited in the time of this device.
  function localize() {
    for (const field of document.querySelectorAll("input[data-utc]")) {
      const moment = new Date(field.dataset.utc);
      const local = new Date(moment.getTime() - moment.getTimezoneOffset() * 60000);
      // Both: once the screen was shown anew, the value no longer follows its default, and an empty
      // one would be sent as no expiry.
      field.defaultValue = local.toISOString().slice(0, 16);
      field.value = field.defaultValue;
      delete field.dataset.utc;
    }
    for (const form of document.querySelectorAll("form[data-code]")) arrange(form);
  }
  document.addEventListener("DOMContentLoaded", localize);
  document.addEventListener("htmx:after:swap", localize);
})();
