"use strict";
// The world as the server tells it, ten times a second, and as it is shown in between.

const POSE = { x: 0, y: 1, yaw: 2, pitch: 3, floor: 4, eyes: 5 }, FOLLOWED = 6;
const TELEPORT = .7;  // metres: what comes farther in a step has begun anew somewhere else

class World {
  constructor() {
    this.status = null;
    this.states = 0;
    this.numbers = null;   // the observer's pose (6) and the way it has followed the head (2), as shown now
    this.bends = null;     // Float32Array: how every animal's skin is bent, as shown now
    this.from = this.to = null;
  }

  // A status with the bends that belong to it. What is shown glides from where it is now to there, within one step.
  hear(status, bends, now) {
    const numbers = [...status.pose, ...status.followed];
    const isNew = !this.to || status.time !== this.status.time || `${numbers}` !== `${this.to.numbers}`;
    this.status = status;
    this.states += 1;
    if (!isNew) return;
    this.show(now);
    this.to = { numbers, bends };
    const isNear = this.numbers && Math.hypot(numbers[POSE.x] - this.numbers[POSE.x], numbers[POSE.y] - this.numbers[POSE.y]) < TELEPORT;
    this.from = isNear ? { numbers: this.numbers, bends: this.bends } : this.to;
    this.since = now;
    this.lasts = 1000 * Math.min(status.step, .5);
    this.show(now);
  }

  // Be as at a time of the clock, milliseconds.
  show(now) {
    if (!this.from) return;
    const share = Math.max(0, Math.min(1, (now - this.since) / this.lasts));
    const mix = (a, b) => a.map((value, i) => value + share * (b[i] - value));
    this.numbers = mix(this.from.numbers, this.to.numbers);
    this.bends = mix(this.from.bends, this.to.bends);
  }
}

// The line to the server: what is heard goes to the world and to whom it concerns, what is said is small JSON objects.
class Line {
  constructor(world, { welcomed, heard, ended }) {
    let status = null;
    this.socket = new WebSocket(`ws://${location.host}/states${location.search}`);
    this.socket.binaryType = "arraybuffer";
    this.socket.onclose = event => ended(event.reason || "The walk has ended. Is `ats view` still running? Reload to try again.");
    this.socket.onmessage = ({ data }) => {
      if (typeof data === "string") {
        const message = JSON.parse(data);
        if (message.type === "status") status = message;   // its bends follow
        else welcomed(message);
      } else {
        world.hear(status, new Float32Array(data), performance.now());
        this.say({ type: "ack" });
        heard(status);
      }
    };
  }
  say(message) { if (this.socket.readyState === 1) this.socket.send(JSON.stringify(message)); }
  tap(key) { this.say({ type: "key", key, down: true }); this.say({ type: "key", key, down: false }); }
}
