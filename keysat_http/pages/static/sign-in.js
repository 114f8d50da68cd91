// Signs in with a password or a key, looks whether that suffices, and goes where one wanted to go.
"use strict";
(() => {
  const base = document.documentElement.dataset.base || "";
  const form = document.getElementById("sign-in");
  const problem = document.getElementById("sign-in-problem");
  const next = form.dataset.next;

  const SAID = {
    401: "That is not right. Check it and try again.",
    403: "This key is not known here, or was revoked.",
    503: "No password is set yet. Sign in with the master key, and set one under Security.",
  };

  function fail(text) {
    problem.textContent = text;
    problem.hidden = false;
    problem.focus();
  }

  function wait(answer) {
    const seconds = Number(answer.headers.get("retry-after")) || 180;
    const minutes = Math.max(1, Math.ceil(seconds / 60));
    return `Too many attempts. Wait ${minutes === 1 ? "a minute" : `${minutes} minutes`} and try again.`;
  }

  async function signIn() {
    problem.hidden = true;
    const field = form.querySelector("input[type=password]:not([disabled])");
    const answer = await fetch(`${base}/admin/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ [field.name]: field.value }),
      credentials: "same-origin",
    });
    if (answer.status === 429) return fail(wait(answer));
    if (!answer.ok) return fail(SAID[answer.status] || `The server answered ${answer.status}.`);
    const probe = await fetch(`${base}/v1/admin/tier`, { credentials: "same-origin" });
    if (probe.status === 401) {
      return fail("You are signed in, but your browser did not keep the session. Open this page by https, or see KEYSAT_INSECURE_COOKIES.");
    }
    form.reset();
    location.replace(next);
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    signIn().catch(() => fail("The server could not be reached. Try again."));
  });

  // A link from elsewhere comes without the cookie; asked from here it is there.
  fetch(`${base}/admin/login/status`, { credentials: "same-origin" })
    .then((answer) => answer.json())
    .then((status) => { if (status.logged_in) location.replace(next); })
    .catch(() => {});

  for (const other of document.querySelectorAll("[data-use]")) {
    other.addEventListener("click", () => {
      for (const part of form.querySelectorAll("[data-way]")) {
        const isUsed = part.dataset.way === other.dataset.use;
        part.hidden = !isUsed;
        for (const input of part.querySelectorAll("input")) input.disabled = !isUsed;
      }
      form.querySelector("input[type=password]:not([disabled])").focus();
    });
  }
})();
