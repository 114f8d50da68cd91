// Small mercies of the buy page; it works without them.
"use strict";
(() => {
  const form = document.getElementById("order-form");

  // The first field that is wrong gets the focus, as if the browser had found it.
  const wrong = document.getElementById("form-problem") || form.querySelector("[aria-invalid=true]");
  if (wrong) wrong.focus();

  // A featured code is shown in the field as long as its tier is chosen and nobody typed another. It
  // is not sent: the server counts it anyway, and one that ran out meanwhile then fails nobody.
  let featured = "";
  const codeField = () => form.elements.namedItem("code");
  function fillIn() {
    const code = codeField();
    if (code.value && code.value !== featured) return;
    const shown = [...form.querySelectorAll("div.for-tier")].find((one) => getComputedStyle(one).display !== "none");
    featured = shown?.dataset.featured || "";
    code.value = featured;
  }
  const forget = () => {
    if (featured && codeField().value === featured) codeField().value = "";
    featured = "";
  };
  form.addEventListener("change", (event) => {
    if (event.target.name === "policy") forget();
  }, true);
  form.addEventListener("input", (event) => {
    if (event.target.name !== "code") return;
    featured = "";
    document.getElementById("code-problem").hidden = true;
    event.target.removeAttribute("aria-invalid");
  });
  document.addEventListener("htmx:after:swap", fillIn);
  fillIn();

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
    forget();
  });
  window.addEventListener("pageshow", () => form.removeAttribute("aria-busy"));
})();
