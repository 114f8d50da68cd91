// The overview: community analytics that save themselves, and files to save.
"use strict";
(() => {
  const PAUSE_MS = 700;
  const PATH = "/v1/admin/community-analytics";
  const { call, plain } = window.keysatAdmin;
  const { clearProblems, showProblems } = window.keysatFields;
  let timer = 0;
  let saving = Promise.resolve();

  function say(text) {
    document.getElementById("community-state").textContent = text;
  }

  async function showPreview() {
    const told = await call(`GET ${PATH}`);
    document.getElementById("community-preview").textContent = JSON.stringify(told.preview_heartbeat, null, 2);
    if (told.install_uuid) document.getElementById("community-id").textContent = told.install_uuid;
  }

  async function save() {
    const form = document.getElementById("community");
    const { enabled, collector_url: url } = form.elements;
    clearProblems(form);
    try {
      await call(`POST ${PATH}`, { enabled: enabled.checked, collector_url: url.value.trim() || null });
      await showPreview();
      say("Saved.");
    } catch (failure) {
      say("");
      const problems = failure.envelope?.detail;
      const isTold = Array.isArray(problems) && !showProblems(form, problems).length;
      if (!isTold) showProblems(form, [{ field: "collector_url", problem: plain(failure.message).replace(/\.$/, "") }]);
    }
  }

  // One after the other, so that the last of what was typed is what stays.
  function saveAfter(pause) {
    clearTimeout(timer);
    say("Saving…");
    timer = setTimeout(() => {
      saving = saving.then(save);
    }, pause);
  }

  document.addEventListener("input", (event) => {
    if (event.target.id === "community-url") saveAfter(PAUSE_MS);
    if (event.target.id === "community-enabled") saveAfter(0);
  });
  document.addEventListener("submit", (event) => {
    if (event.target.id !== "community") return;
    event.preventDefault();
    saveAfter(0);
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-save]");
    if (!button) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([button.dataset.save], { type: "application/x-pem-file" }));
    link.download = button.dataset.saveAs;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), PAUSE_MS);
  });
})();
