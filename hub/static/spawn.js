// Follows the start of a server and opens it when it is ready; a failure is told by the reloaded page.
const card = document.querySelector("[data-progress]");
const bar = card.querySelector("progress");
const events = new EventSource(card.dataset.progress);
events.onmessage = (message) => {
  const event = JSON.parse(message.data);
  if (event.progress !== undefined) bar.value = event.progress;
  if (event.ready || event.failed) {
    events.close();
    window.location.reload();
  }
};
events.onerror = () => {
  events.close();
  setTimeout(() => window.location.reload(), 3000);
};
