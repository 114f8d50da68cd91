// Small mercies of the buy page; it works without them.
"use strict";
(() => {
  const form = document.getElementById("order-form");

  // The first field that is wrong gets the focus, as if the browser had found it.
  const wrong = document.getElementById("form-problem") || form.querySelector("[aria-invalid=true]");
  if (wrong) wrong.focus();

  // A featured code belongs to its tier: it goes with the tier unless it was typed over.
  form.addEventListener("change", (event) => {
    if (event.target.name !== "policy") return;
    const code = form.elements.namedItem("code");
    if ("featured" in code.dataset) code.value = "";
  }, true);
  form.addEventListener("input", (event) => {
    if (event.target.name !== "code") return;
    delete event.target.dataset.featured;
    const note = document.getElementById("code-problem");
    note.hidden = true;
    event.target.removeAttribute("aria-invalid");
  });

  // Enter in the code field looks at the code and does not buy.
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.name !== "code") return;
    event.preventDefault();
    form.querySelector("button[value=apply]").click();
  });

  // One press is one purchase; the server sees to that too.
  form.addEventListener("submit", (event) => {
    if (event.submitter?.value !== "buy") return;
    if (form.getAttribute("aria-busy") === "true") event.preventDefault();
    form.setAttribute("aria-busy", "true");
  });
  window.addEventListener("pageshow", () => form.removeAttribute("aria-busy"));
})();
