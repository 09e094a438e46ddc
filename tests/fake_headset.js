"use strict";
// A headset with two controllers that a test moves: a stand-in for what a page finds of WebXR. It has framebuffers of its
// own, as real ones do, and keeps what the page drew for either eye.
(() => {
  const WIDTH = 200, HEIGHT = 160, EYES_APART = .064;
  const rigid = ([x, y, z], yaw, pitch) => {  // y up, looking along -z
    const cy = Math.cos(yaw), sy = Math.sin(yaw), cp = Math.cos(pitch), sp = Math.sin(pitch);
    return { matrix: new Float32Array([cy, 0, -sy, 0, sy * sp, cp, cy * sp, 0, sy * cp, -sp, cy * cp, 0, x, y, z, 1]) };
  };
  const hand = handedness => ({ handedness, targetRayMode: "tracked-pointer", targetRaySpace: { place: [0, 1.2, 0], yaw: 0, pitch: 0 },
    gamepad: { axes: [0, 0, 0, 0], buttons: Array.from({ length: 6 }, () => ({ pressed: false })) } });
  const fake = window.fake = { head: { place: [.3, 1.6, -.2], yaw: .5, pitch: 0 }, left: hand("left"), right: hand("right"), frames: 0, wants: false, picture: null };

  class Layer {
    constructor(session, gl) {
      this.gl = gl;
      this.framebuffer = gl.createFramebuffer();
      gl.bindFramebuffer(gl.FRAMEBUFFER, this.framebuffer);
      for (const [format, place] of [[gl.RGBA8, gl.COLOR_ATTACHMENT0], [gl.DEPTH_COMPONENT24, gl.DEPTH_ATTACHMENT]]) {
        const store = gl.createRenderbuffer();
        gl.bindRenderbuffer(gl.RENDERBUFFER, store);
        gl.renderbufferStorage(gl.RENDERBUFFER, format, 2 * WIDTH, HEIGHT);
        gl.framebufferRenderbuffer(gl.FRAMEBUFFER, place, gl.RENDERBUFFER, store);
      }
      gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    }
    getViewport(view) { return { x: view.eye === "left" ? 0 : WIDTH, y: 0, width: WIDTH, height: HEIGHT }; }
    read() {
      const pixels = new Uint8Array(4 * 2 * WIDTH * HEIGHT);
      this.gl.bindFramebuffer(this.gl.FRAMEBUFFER, this.framebuffer);
      this.gl.readPixels(0, 0, 2 * WIDTH, HEIGHT, this.gl.RGBA, this.gl.UNSIGNED_BYTE, pixels);
      this.gl.bindFramebuffer(this.gl.FRAMEBUFFER, null);
      let text = "";
      for (let i = 0; i < pixels.length; i += 4096) text += String.fromCharCode(...pixels.subarray(i, i + 4096));
      return btoa(text);
    }
  }

  class Frame {
    constructor(session) { this.session = session; }
    getViewerPose() {
      const { place, yaw, pitch } = fake.head, f = 1.6;
      const views = [["left", -1], ["right", 1]].map(([eye, side]) => {
        const aside = .5 * side * EYES_APART, at = [place[0] + aside * Math.cos(yaw), place[1], place[2] - aside * Math.sin(yaw)];
        // Lenses see farther to the outside than to the nose.
        const projectionMatrix = new Float32Array([f * HEIGHT / WIDTH, 0, 0, 0, 0, f, 0, 0, .1 * side, 0, -1.002, -1, 0, 0, -.1001, 0]);
        return { eye, projectionMatrix, transform: rigid(at, yaw, pitch) };
      });
      return { transform: rigid(place, yaw, pitch), views };
    }
    getPose(space) { return { transform: rigid(space.place, space.yaw, space.pitch) }; }
  }

  class Session extends EventTarget {
    visibilityState = "visible";
    inputSources = [fake.left, fake.right];
    updateRenderState({ baseLayer }) { this.layer = baseLayer; }
    async requestReferenceSpace(kind) { if (kind !== "local") throw new Error(`no space ${kind}`); return new EventTarget(); }
    requestAnimationFrame(callback) {
      window.requestAnimationFrame(time => {
        if (fake.session !== this) return;
        callback(time, new Frame(this));
        fake.frames += 1;
        if (fake.wants) { fake.picture = this.layer.read(); fake.wants = false; }
      });
    }
    happens(kind, side) { this.dispatchEvent(Object.assign(new Event(kind), { frame: new Frame(this), inputSource: fake[side] })); }
    end() { fake.session = null; this.dispatchEvent(new Event("end")); }
  }

  Object.defineProperty(navigator, "xr", { value: {
    isSessionSupported: async kind => kind === "immersive-vr",
    requestSession: async () => fake.session = new Session(),
  } });
  window.XRWebGLLayer = Layer;
  WebGL2RenderingContext.prototype.makeXRCompatible = async () => {};
})();
