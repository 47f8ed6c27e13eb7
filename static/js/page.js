// Opens dialogs that htmx filled, dismisses notices, and says when figures are no longer fresh.

const dialog = document.getElementById("dialog");
const lost = document.getElementById("connection-lost");
let lastAnswer = new Date();

document.body.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id === "dialog-body" && !dialog.open) {
    dialog.showModal();
  }
});

document.body.addEventListener("htmx:afterOnLoad", (event) => {
  if (event.detail.target.id === "live") {
    lastAnswer = new Date();
    lost.hidden = true;
  }
});

for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.body.addEventListener(failure, () => {
    lost.querySelector("[data-last-answer]").textContent = lastAnswer.toLocaleTimeString();
    lost.hidden = false;
  });
}

document.body.addEventListener("click", (event) => {
  if (event.target.closest("[data-dismiss-notice]")) {
    event.target.closest(".notice").remove();
  }
  const closes = event.target.closest("[data-close-dialog]");
  if (closes && dialog.open) {
    event.preventDefault();
    dialog.close();
  }
});
