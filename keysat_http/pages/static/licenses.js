// Issuing licenses, and moving one to another tier: what would happen is asked before it is done.
"use strict";
(() => {
  const { call, showFailure, refresh, plain } = window.keysatAdmin;

  document.addEventListener("change", (event) => {
    const form = event.target.form;
    if (form && "license" in form.dataset && event.target.name === "product_slug") {
      for (const group of form.querySelectorAll("[data-tiers-of]")) {
        const isShown = group.dataset.tiersOf === event.target.value;
        group.hidden = !isShown;
        group.querySelector("select").disabled = !isShown;
      }
    }
    if (event.target.id === "bulk-file" && event.target.files.length) {
      event.target.files[0].text().then((text) => { document.getElementById("bulk-csv").value = text; });
    }
    if (event.target.id === "change-to") showLosses(event.target);
  });

  function spell(report) {
    const lines = [`${report.issued ?? 0} issued, ${report.failed ?? 0} wrong${report.dry_run ? " (looked only: nothing was kept)" : ""}`];
    for (const row of report.rows) if (row.error) lines.push(`Row ${row.row}: ${row.error.field} ${row.error.problem}`);
    return lines.join("\n");
  }

  function offerKeys(report) {
    const rows = report.rows.flatMap((row) => row.licenses.map((license) => ({ row: row.row, ...license })));
    const link = document.getElementById("bulk-keys");
    link.hidden = !rows.length;
    if (!rows.length) return;
    const table = ["row,license_id,license_key", ...rows.map((row) => `${row.row},${row.license_id},${row.license_key}`)];
    link.href = `data:text/csv;charset=utf-8,${encodeURIComponent(table.join("\r\n") + "\r\n")}`;
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.id !== "bulk-form") return;
    event.preventDefault();
    const note = form.querySelector(".form-problem");
    note.hidden = true;
    form.setAttribute("aria-busy", "true");
    try {
      const report = await call("POST /v1/admin/licenses/bulk", {
        csv: form.elements.namedItem("csv").value,
        dry_run: event.submitter.value === "look",
        on_error: form.elements.namedItem("skip").checked ? "skip" : "abort",
      });
      const shown = document.getElementById("bulk-report");
      shown.textContent = spell(report);
      shown.hidden = false;
      shown.focus();
      offerKeys(report);
      if (event.submitter.value !== "look") await refresh();
    } catch (failure) {
      showFailure(form, failure);
    } finally {
      form.removeAttribute("aria-busy");
    }
  });

  // Says what a license would lose, and has that confirmed.
  async function showLosses(select) {
    const form = select.form;
    const losses = document.getElementById("losses");
    const agree = document.getElementById("losses-agree");
    losses.replaceChildren();
    agree.closest(".field").hidden = true;
    agree.required = false;
    if (!select.value) return;
    try {
      const said = await call(form.dataset.api, { to_policy_slug: select.value, dry_run: true });
      const lines = said.warnings;
      losses.replaceChildren(...lines.map((line) => {
        const item = document.createElement("li");
        item.textContent = line;
        return item;
      }));
      agree.closest(".field").hidden = !lines.length;
      agree.required = lines.length > 0;
    } catch (failure) {
      const item = document.createElement("li");
      item.textContent = plain(failure.message);
      losses.replaceChildren(item);
    }
  }
})();
