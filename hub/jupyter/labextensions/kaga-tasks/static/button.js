// A labextension in the form that JupyterLab loads (a module-federation container), short enough to need no build:
// a button at the top that saves every open document and goes to the page of tasks.
(() => {
  let shared = {};

  const activate = async (app) => {
    const { baseUrl } = JSON.parse(document.getElementById("jupyter-config-data").textContent);
    const mark = document.cookie.match(/\b_xsrf=([^;]*)/)?.[1] ?? "";
    const answer = await fetch(`${baseUrl}kaga/button`, { headers: { "X-XSRFToken": mark } });
    if (!answer.ok) return;
    const { text, address } = await answer.json();
    const widgets = Object.values(shared["@lumino/widgets"])[0];
    const { Widget } = (await widgets.get())();
    const node = document.createElement("div");
    node.style.cssText = "display: flex; align-items: center; padding: 0 8px";
    const button = node.appendChild(document.createElement("button"));
    button.className = "jp-mod-styled jp-mod-accept";
    button.style.cssText = "height: 24px; line-height: 24px";
    button.textContent = text;
    button.onclick = async () => {
      // What cannot be saved has told so; leaving then asks the person first.
      await app.commands.execute("docmanager:save-all").catch(() => undefined);
      window.location.assign(address);
    };
    const widget = new Widget({ node });
    widget.id = "kaga-tasks";
    app.shell.add(widget, "top", { rank: 10000 });
  };

  const plugin = { id: "kaga-tasks:button", autoStart: true, activate };
  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB["kaga-tasks"] = {
    init: (scope) => { shared = scope; },
    get: async () => () => ({ __esModule: true, default: plugin }),
  };
})();
