/* Search on a page from disk. Browsers refuse workers there, so that a frame stands in for one: it loads the worker's script and
   passes messages on. `importScripts` is asynchronous in it; what Zensical's search awaits. On a server nothing is replaced. */
"use strict";

if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.append(this.frame);
      this.inside = this.frame.contentWindow;
      const load = (each) =>
        new Promise((loaded, failed) => {
          const script = this.inside.document.createElement("script");
          script.onload = loaded;
          script.onerror = () => failed(new Error(`${each} cannot be loaded`));
          script.src = new URL(each, document.baseURI);
          this.inside.document.body.append(script);
        });
      this.inside.postMessage = (data) => {
        const event = new MessageEvent("message", { data });
        this.dispatchEvent(event);
        this.onmessage?.(event);
      };
      this.inside.importScripts = (...urls) => urls.reduce((before, each) => before.then(() => load(each)), Promise.resolve());
      this.ready = load(url);
    }

    postMessage(data) {
      this.ready.then(() => this.inside.dispatchEvent(new MessageEvent("message", { data: structuredClone(data) })));
    }

    terminate() {
      this.frame.remove();
    }
  };
}
