"use strict";
// Whoever walks: what the server is told of their head, and the plain page's mouse and keys.

const FIELD_OF_VIEW = Math.PI / 3, TELL_EVERY = 30, STILL = 4;
const PASSED_ON = { " ": "space", Shift: "shift", Backspace: "backspace", z: "z", r: "r", ",": ",", ".": ".", 1: "1", 2: "2", 3: "3" };

class Walker {
  constructor(world, line) {
    Object.assign(this, { world, line, yaw: 0, pitch: 0, forward: 0, left: 0, roamed: [0, 0], isCrouched: false });
    Object.assign(this, { isPlaced: false, told: "", toldAt: 0 });
  }

  // Look where the observer looks, once.
  place() {
    if (this.isPlaced || !this.world.numbers) return;
    this.isPlaced = true;
    this.yaw = this.world.numbers[POSE.yaw];
    this.pitch = this.world.numbers[POSE.pitch];
    this.stay();
  }

  // Be right above the observer's feet.
  stay() { this.roamed = this.world.numbers.slice(FOLLOWED); }

  // Tell the server, if there is anything new.
  tell(now) {
    if (!this.isPlaced || now - this.toldAt < TELL_EVERY) return;
    const rounded = value => Math.round(1e4 * value) / 1e4;
    const message = { type: "head", yaw: rounded(wrapped(this.yaw)), pitch: rounded(this.pitch), forward: rounded(this.forward),
      left: rounded(this.left), roamed: this.roamed.map(rounded), crouched: this.isCrouched };
    const text = JSON.stringify(message);
    if (text === this.told) return;
    this.told = text;
    this.toldAt = now;
    this.line.say(message);
  }

  // Let go of everything: nobody is at the keys. Where the head is will be told anew.
  release() {
    this.forward = this.left = 0;
    this.line.say({ type: "blur" });
    this.told = "";
  }

  point(start, along) { this.line.say({ type: "point", from: [...start], along: [...along] }); }
}

class MouseAndKeys {
  constructor(canvas, walker) {
    this.canvas = canvas;
    this.walker = walker;
    this.held = new Set();
    this.dragged = 0;
    addEventListener("keydown", event => this.key(event, true));
    addEventListener("keyup", event => this.key(event, false));
    addEventListener("blur", () => { this.held.clear(); walker.release(); });
    canvas.addEventListener("contextmenu", event => event.preventDefault());
    canvas.addEventListener("pointerdown", event => { this.dragged = 0; canvas.setPointerCapture(event.pointerId); });
    canvas.addEventListener("pointermove", event => { if (event.buttons) this.look(event.movementX, event.movementY); });
    canvas.addEventListener("pointerup", event => { if (this.dragged < STILL) this.click(event); });
  }

  key(event, isDown) {
    if (isDown && (event.ctrlKey || event.metaKey || event.altKey || event.repeat)) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key, is = name => Number(this.held.has(name));
    if (key in PASSED_ON) { this.walker.line.say({ type: "key", key: PASSED_ON[key], down: isDown }); event.preventDefault(); }
    else if (key === "c" && isDown) this.walker.isCrouched = !this.walker.isCrouched;
    (isDown ? this.held.add(key) : this.held.delete(key));
    this.walker.forward = is("w") - is("s");
    this.walker.left = is("a") - is("d");
  }

  look(across, down) {
    this.dragged += Math.abs(across) + Math.abs(down);
    this.walker.yaw -= .004 * across;
    this.walker.pitch = Math.max(-1.39, Math.min(1.39, this.walker.pitch - .004 * down));
  }

  projection() { return perspective(FIELD_OF_VIEW, this.canvas.width / this.canvas.height, .02, 100); }

  eyes() {
    const at = this.walker.world.numbers;
    this.walker.stay();
    return eyesAt([at[POSE.x], at[POSE.y], at[POSE.floor] + at[POSE.eyes]], this.walker.yaw, this.walker.pitch);
  }

  click(event) {
    if (!this.walker.isPlaced) return;
    const lens = this.projection(), T = this.eyes(), x = 2 * event.clientX / innerWidth - 1, y = 1 - 2 * event.clientY / innerHeight;
    this.walker.point(T.subarray(12, 15), unit(direction(T, [x / lens[0], y / lens[5], -1])));
  }
}
