// Prints what Khronos' glTF validator says of a file, as JSON: node validate_gltf.js VALIDATOR_FOLDER FILE
const fs = require("fs");
const validator = require(process.argv[2]);
validator
  .validateBytes(new Uint8Array(fs.readFileSync(process.argv[3])), { maxIssues: 20 })
  .then((report) => console.log(JSON.stringify(report)));
