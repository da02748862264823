// Worker threads, child processes with messages, files, a server on the loopback.
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const { spawn, fork, spawnSync } = require('child_process');
const fs = require('fs');
const net = require('net');

function files(i) {
  let sum = 0;
  for (let n = 0; n < 50; n++) {
    const path = `file-${i}`;
    fs.writeFileSync(path, 'x'.repeat(i));
    sum += fs.readFileSync(path).length;
    fs.unlinkSync(path);
  }
  return sum;
}

function worker(i) {
  return new Promise((done, failed) => {
    const one = new Worker(__filename, { workerData: i });
    one.on('message', done);
    one.on('error', failed);
  });
}

function child(i) {
  return new Promise((done) => {
    const one = spawn('sh', ['-c', `echo child ${i}; exit ${i}`]);
    let text = '';
    one.stdout.on('data', (data) => { text += data; });
    one.on('close', (status) => done(`${text.trim()} ${status}`));
  });
}

function message(i) {
  return new Promise((done) => {
    const one = fork(__filename, ['child']);
    one.on('message', (text) => { one.kill('SIGTERM'); one.on('exit', (c, s) => done(`${text} ${c} ${s}`)); });
    one.send(i);
  });
}

function talk(port, i) {
  return new Promise((done) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.end(`line ${i}`));
    let text = '';
    socket.on('data', (data) => { text += data; });
    socket.on('end', () => done(text));
  });
}

async function main() {
  const numbers = [0, 1, 2, 3, 4, 5];
  const server = net.createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const found = await Promise.all([
    ...numbers.map(worker), ...numbers.map(child), ...numbers.slice(0, 2).map(message),
    ...numbers.map((i) => talk(server.address().port, i))]);
  server.close();
  console.log(found.join('\n'));
  const lone = spawnSync('/nonexistent');
  console.log(lone.error.code, spawnSync('sh', ['-c', 'kill -9 $$']).signal);
  process.exitCode = 23;
}

if (!isMainThread) {
  parentPort.postMessage(`worker ${workerData} ${files(workerData)}`);
} else if (process.argv[2] === 'child') {
  process.on('message', (i) => process.send(`echo ${i}`));
} else {
  main();
}
