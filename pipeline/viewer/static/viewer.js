// Keys, and marks that are sent to the viewer. Nothing of a candidate's is ever read here.
"use strict";

const page = document.body.dataset;
const token = document.querySelector('meta[name="token"]').content;

function go(address) {
  if (address) window.location.assign(address);
}

function link(selector) {
  const found = document.querySelector(selector);
  if (found) go(found.getAttribute("href"));
}

async function mark(button) {
  const said = document.getElementById("said");
  const name = button.getAttribute("aria-pressed") === "true" ? "none" : button.dataset.mark;
  try {
    const answer = await fetch("/marks", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Pairsmith-Token": token },
      body: JSON.stringify({ pair_id: page.pair, mark: name }),
    });
    if (!answer.ok) throw new Error(await answer.text());
    const told = await answer.json();
    for (const other of document.querySelectorAll("[data-mark]")) {
      other.setAttribute("aria-pressed", String(other.dataset.mark === told.mark));
    }
    document.getElementById("n-marks").textContent = told.n_marks;
    said.textContent = told.mark === "none" ? "mark removed" : "saved";
  } catch (error) {
    said.textContent = `not saved: ${error.message}`;
  }
}

const named = window.location.hash && document.getElementById(window.location.hash.slice(1));
if (named && "open" in named) named.open = true;

document.getElementById("help-button").addEventListener("click", () => document.getElementById("help").showModal());

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-mark]");
  if (button) mark(button);
});

document.addEventListener("change", (event) => {
  if (event.target.matches(".filters select")) event.target.form.requestSubmit();
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input, select, textarea")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const key = event.key;
  const help = document.getElementById("help");
  if (help.open) {
    if (key === "?") help.close();
  } else if (key === "?") {
    help.showModal();
  } else if (key === "/") {
    event.preventDefault();
    const field = document.querySelector(".filters input");
    if (field) field.focus();
    else go("/");
  } else if (page.page === "pair") {
    if (key === "j" || key === "ArrowRight") go(page.after);
    else if (key === "k" || key === "ArrowLeft") go(page.before);
    else if (key === "Escape") go(page.list);
    else {
      const button = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
      if (button) mark(button);
    }
  } else if (page.page === "problem") {
    if (key === "Escape") go(page.list);
  } else if (page.page === "list") {
    if (key === "j" || key === "ArrowRight") link('.pages [rel="next"]');
    else if (key === "k" || key === "ArrowLeft") link('.pages [rel="prev"]');
    else if ((key === "Enter" && event.target === document.body) || key === "o") link("a.pair");
  }
});
