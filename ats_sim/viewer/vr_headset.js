"use strict";
// A headset with its controllers. The wearer is where the observer is, walls and all: the stick walks the observer, and so
// do steps through the real room, which the observer follows; the head may be ahead of its feet by an arm's length.

const AHEAD = .4, JUMP = .5;                    // metres; what jumps farther between two frames is the tracking's doing
const CROUCHES_AT = .35, STANDS_AT = .25;       // metres that the head sinks
const SNAP = Math.PI / 6, DEAD = .15;
const TRIGGERED = .7, REARMED = .3;             // how far the stick is pushed for a snap turn, and for the next one
const PRESS = 3, LOWER = 4, UPPER = 5;          // buttons of the xr-standard mapping: stick, A or X, B or Y

class Headset {
  constructor(gl, drawing, walker, ended) {
    Object.assign(this, { gl, drawing, walker, ended, session: null, T_world_room: null, pressed: new Set() });
    Object.assign(this, { isArmed: true, isRunning: false, isCrouchedByButton: false, isLow: false });
  }

  // Begin; only a click may. Rejects where there is no headset, or its runtime refuses.
  async enter() {
    const session = await navigator.xr.requestSession("immersive-vr");
    try {
      await this.gl.makeXRCompatible();
      this.layer = new XRWebGLLayer(session, this.gl);
      await session.updateRenderState({ baseLayer: this.layer, depthNear: .05, depthFar: 100 });
      this.room = await session.requestReferenceSpace("local");
    } catch (error) { session.end(); throw error; }
    this.session = session;
    this.last = null;
    this.room.addEventListener("reset", () => { this.last = null; });
    session.addEventListener("select", event => this.point(event));
    session.addEventListener("squeezestart", () => this.key("z", true));
    session.addEventListener("squeezeend", () => this.key("z", false));
    session.addEventListener("visibilitychange", () => this.walker.release());
    session.addEventListener("end", () => this.end());
    session.requestAnimationFrame((time, frame) => this.frame(frame));
  }

  end() {
    this.session = null;
    this.walker.isCrouched = false;
    this.walker.release();
    this.ended();
  }

  key(key, down) { this.walker.line.say({ type: "key", key, down }); }

  frame(frame) {
    const { gl, drawing, walker, session } = this;
    if (!this.session) return;
    session.requestAnimationFrame((time, next) => this.frame(next));
    const seen = frame.getViewerPose(this.room);
    if (!seen || !walker.world.numbers) return;
    walker.world.show(performance.now());
    for (const source of session.inputSources) if (source.gamepad) this.hand(source.handedness, source.gamepad);
    this.carry(seen.transform.matrix);
    walker.tell(performance.now());
    drawing.pose(walker.world.bends);
    drawing.marks = [...session.inputSources].filter(source => source.targetRayMode === "tracked-pointer")
      .map(source => this.ray(frame, source)).filter(Boolean).map(ray => laser(...ray));
    if (walker.world.status.goal) drawing.marks.push(ring(walker.world.status.goal));
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.layer.framebuffer);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    for (const view of seen.views) {
      drawing.draw(this.layer.getViewport(view), view.projectionMatrix, times(this.T_world_room, view.transform.matrix));
    }
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
  }

  // Sticks and buttons of a hand.
  hand(side, { axes, buttons }) {
    const [x, y] = axes.length >= 4 ? axes.slice(2) : axes, push = Math.hypot(x, y) > DEAD ? [x, y] : [0, 0];
    const isDown = index => !!(buttons[index] && buttons[index].pressed), wentDown = index => {
      const name = `${side} ${index}`, was = this.pressed.has(name);
      if (isDown(index)) this.pressed.add(name); else this.pressed.delete(name);
      return isDown(index) && !was;
    };
    if (wentDown(LOWER)) this.walker.line.tap("space");
    if (wentDown(UPPER)) this.isCrouchedByButton = !this.isCrouchedByButton;
    if (side === "right") return void this.snap(push[0]);
    [this.walker.forward, this.walker.left] = [-push[1], -push[0]];
    const was = this.isRunning;
    this.isRunning = isDown(PRESS) || (was && push.some(Boolean));
    if (this.isRunning !== was) this.key("shift", this.isRunning);
  }

  snap(push) {
    if (this.isArmed && Math.abs(push) > TRIGGERED) this.turn -= Math.sign(push) * SNAP;
    if (Math.abs(push) > TRIGGERED) this.isArmed = false;
    else if (Math.abs(push) < REARMED) this.isArmed = true;
  }

  // Bring the room to where the observer is, and the head with it: T_room_head is the head's pose in the room, y up.
  carry(T_room_head) {
    const { walker } = this, at = walker.world.numbers, [x, y, z] = T_room_head.slice(12, 15);
    if (!this.last) {
      this.turn = walker.yaw - looksAt(times(Z_UP, T_room_head)).yaw;
      this.standing = y;
      this.isLow = false;
      walker.stay();
    }
    const T_turn = times(turnedLeft(this.turn), Z_UP), followed = at.slice(FOLLOWED);
    const carried = this.last ? direction(T_turn, [x - this.last[0], 0, z - this.last[1]]).slice(0, 2) : [0, 0];
    this.last = [x, z];
    let ahead = walker.roamed.map((part, i) => part - followed[i] + (Math.hypot(...carried) < JUMP ? carried[i] : 0));
    const kept = Math.min(1, AHEAD / Math.max(Math.hypot(...ahead), 1e-9));
    ahead = ahead.map(part => kept * part);
    walker.roamed = ahead.map((part, i) => part + followed[i]);
    const toHead = shifted(at[POSE.x] + ahead[0], at[POSE.y] + ahead[1], this.height(y));
    this.T_world_room = times(times(toHead, T_turn), shifted(-x, -y, -z));
    Object.assign(walker, looksAt(times(this.T_world_room, T_room_head)));
  }

  // Height of the head in the world for its height in the room. A body that crouches takes its own time, and the observer
  // follows; a crouch by button is the observer's, and the head rides on it.
  height(y) {
    const { numbers, status } = this.walker.world;
    this.standing = Math.max(this.standing, y - STANDS_AT);
    const drop = this.standing - y, isDown = drop > (this.isLow ? STANDS_AT : CROUCHES_AT);
    this.isLow = isDown || (this.isLow && numbers[POSE.eyes] < status.eye_height - .01);
    this.walker.isCrouched = isDown || this.isCrouchedByButton;
    return numbers[POSE.floor] + (this.isLow ? status.eye_height : numbers[POSE.eyes]) - drop;
  }

  // Where a hand points, or the head where there is none, as a start and a direction in the world.
  ray(frame, source) {
    const pose = this.T_world_room && frame.getPose(source.targetRaySpace, this.room);
    if (!pose) return null;
    const T = times(this.T_world_room, pose.transform.matrix);
    return [[...T.subarray(12, 15)], direction(T, [0, 0, -1])];
  }

  point({ frame, inputSource }) { const ray = this.ray(frame, inputSource); if (ray) this.walker.point(...ray); }
}
