"use strict";
// Starts the page: fetches what the home looks like, draws it at the screen's rate, and lets a headset in.

const $ = id => document.getElementById(id);
const walk = window.walk = { world: new World() };   // also what tests look at

// Say what is wrong, where the wearer of a headset sees it too: on the page.
function fail(problem) {
  $("problem").textContent = problem.message || String(problem);
  $("problem").hidden = false;
  if (walk.headset && walk.headset.session) walk.headset.session.end();
}

async function load(name) {
  const answer = await fetch(`/${name}${location.search}`);
  if (!answer.ok) throw new Error(`${name}: the server answers ${answer.status} ${await answer.text()}`);
  const mesh = readMesh(name, await answer.arrayBuffer());
  if (mesh.picture) mesh.image = await createImageBitmap(mesh.picture, { colorSpaceConversion: "none" });
  return mesh;
}

async function start() {
  const isThere = !!navigator.xr && await navigator.xr.isSessionSupported("immersive-vr").catch(() => false);
  const canvas = $("picture"), gl = canvas.getContext("webgl2", { xrCompatible: isThere, powerPreference: "high-performance" });
  if (!gl) throw new Error("This browser has no WebGL 2, which this page draws with: the first page does without.");
  canvas.addEventListener("webglcontextlost", () => fail("The graphics card was lost: reload this page."));
  const [scene, agent] = await Promise.all([load("scene.glb"), load("agent.glb")]);
  const welcome = await new Promise((welcomed, broke) => {
    walk.line = new Line(walk.world, { welcomed, heard: tell, ended: reason => { broke(reason); fail(reason); } });
  });
  walk.drawing = new Drawing(gl, scene, agent, welcome.light);
  walk.walker = new Walker(walk.world, walk.line);
  walk.hands = new MouseAndKeys(canvas, walk.walker);
  walk.headset = new Headset(gl, walk.drawing, walk.walker, () => {
    $("panel").hidden = false;
    requestAnimationFrame(loop);
  });
  $("enter").hidden = !isThere;
  $("enter").onclick = () => walk.headset.enter().then(() => { $("panel").hidden = $("problem").hidden = true; }, fail);
  document.addEventListener("visibilitychange", () => {
    walk.line.say({ type: "visible", on: !document.hidden || !!walk.headset.session });
  });
  requestAnimationFrame(loop);
}

function loop(now) {
  if (walk.headset.session) return;
  requestAnimationFrame(loop);
  walk.world.show(now);
  walk.walker.place();
  walk.walker.tell(now);
  walk.draw();
}

walk.draw = () => {
  const { world, drawing, hands } = walk, canvas = hands.canvas;
  const [width, height] = [innerWidth, innerHeight].map(side => Math.round(side * devicePixelRatio));
  if (!world.numbers) return;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  drawing.pose(world.bends);
  drawing.marks = world.status.goal ? [ring(world.status.goal)] : [];
  drawing.gl.clear(drawing.gl.COLOR_BUFFER_BIT | drawing.gl.DEPTH_BUFFER_BIT);
  drawing.draw({ x: 0, y: 0, width, height }, hands.projection(), hands.eyes());
};

function tell(status) {
  const row = rows => rows.map(({ label, value }) => `${label} ${value}`).join(" · ");
  $("animal").textContent = `${status.title} ${row(status.animal)}`;
  const you = row(status.you.filter(({ label }) => label !== "view"));
  $("you").textContent = `you ${you}${status.badge ? ` · ${status.badge}` : ""}`;
  $("watch").hidden = status.role === "control";
}

$("back").href = `/${location.search}`;
$("port").textContent = `adb reverse tcp:${location.port} tcp:${location.port}`;
start().catch(fail);
