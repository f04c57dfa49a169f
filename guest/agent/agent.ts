// SPDX-License-Identifier: MIT
/**
 * The guest's agent, the first of our processes in the guest. It starts the test worker, writes files and
 * runs programs for the host, and answers pings from an event loop that no test can block.
 */
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { makeFolder, putCopies } from './copies.ts'
import { endAtOnce } from './exit.ts'
import { renewKernel } from './identity.ts'
import { idleTime } from './idleness.ts'
import { forwardKernelLog, markKernelLog } from './kernel-log.ts'
import { mountDebugfs } from './leaks.ts'
import { keepMounts } from './mounts.ts'
import { keepNothingBack, Outputs } from './outputs.ts'
import { Port } from './port.ts'
import { Programs } from './programs.ts'
import {
  type AgentRequest,
  type DeliveredFile,
  type FromAgent,
  guestPaths,
  nodeFlags,
  ports,
  type ToAgent,
  workerFlags,
} from './protocol.ts'
import { fileBegins, fileEnds, memoryOfFiles } from './stock.ts'
import { stateOf } from './worker-state.ts'

const port = await Port.open(ports.agent)
endAtOnce()
const send = (message: FromAgent) => port.send(message)
const outputs = await Outputs.open()
const programs = new Programs(outputs, send)

/** @returns the answer to the host, which can be serialised */
async function handle(request: AgentRequest): Promise<unknown> {
  switch (request.type) {
    case 'ping':
      for (const pid of [...(workerPid === undefined ? [] : [workerPid]), ...programs.pids])
        endIfHalfDead(pid)
      return idleTime()
    case 'deliver':
      return deliver(request.files)
    case 'copy':
      return putCopies(request.entries)
    case 'mark-log':
      return markKernelLog(request.text)
    case 'renew':
      renewKernel(request.time, request.entropy)
      return deliver(request.files)
    case 'file-begins':
      if (request.folder !== undefined) makeFolder(request.folder)
      return fileBegins(workerPid ?? 0, request)
    case 'file-ends':
      return await fileEnds(workerPid ?? 0, request.findsLostMemory)
    case 'find-lost-memory':
      return await memoryOfFiles()
    case 'worker-state':
      return stateOf(workerPid ?? 0)
    case 'program-state':
      return stateOf(programs.get(request.program)?.pid ?? 0)
    case 'start':
      return programs.start(request)
    case 'input': {
      const program = programs.get(request.program)
      if (request.data) program?.write(request.data)
      else program?.endInput()
      return
    }
    case 'output-taken':
      return programs.get(request.program)?.taken(request.bytes)
    case 'resize':
      return programs.get(request.program)?.resize(request.size)
  }
}

port.listen(message => {
  const { id, request } = message as ToAgent
  handle(request).then(
    value => send({ type: 'done', id, value }),
    error => send({ type: 'done', id, error: String(error?.stack ?? error), ...codeOf(error) }),
  )
})

function deliver(files: readonly DeliveredFile[]): void {
  for (const file of files) {
    fs.mkdirSync(path.dirname(file.path), { recursive: true })
    const rest = file.prepend && fs.existsSync(file.path) ? fs.readFileSync(file.path) : Buffer.alloc(0)
    // A new file replaces the old one, which may be running.
    fs.rmSync(file.path, { force: true })
    fs.writeFileSync(file.path, Buffer.concat([file.content, rest]), { mode: file.mode ?? 0o644 })
  }
}

function codeOf(error: unknown): { code?: string } {
  return error instanceof Error && 'code' in error ? { code: String(error.code) } : {}
}

let workerPid: number | undefined

/** An oops ends a thread, not its process: if it was the main thread, the other threads wait for ever. */
function endIfHalfDead(pid: number): void {
  try {
    const [, state] = /\) (\S)/.exec(fs.readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
    if (state === 'Z') process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended, which is reported elsewhere.
  }
}

function startWorker(): void {
  // Colours are decided when the worker loads, before the host sends its configuration: they are on, and
  // Vitest's start message (config.disableColors) switches them off.
  const flags = [nodeFlags, workerFlags].flatMap(
    name => process.env[name]?.split(',').filter(Boolean).map(decodeURIComponent) ?? [],
  )
  const worker = spawn(
    process.execPath,
    ['--experimental-import-meta-resolve', '--no-warnings', ...flags, workerFile],
    {
      stdio: ['ignore', outputs.stdout, outputs.stderr],
      cwd: '/tmp',
      env: { ...process.env, HOME: '/tmp', FORCE_COLOR: '1', TEST: 'true', VITEST: 'true', NODE_ENV: 'test' },
    },
  )
  workerPid = worker.pid
  const ended = (code: number | null, signal: string | null) => {
    const mark = `netlink-vmtest: the test worker ended: ${signal ?? code}`
    markKernelLog(mark)
    void outputs.end().then(() => send({ type: 'worker-exit', code, signal, mark }))
  }
  worker.on('error', error => {
    fs.writeSync(outputs.stderr, `${error.message}\n`)
    ended(null, null)
  })
  worker.on('exit', ended)
}

const workerFile = path.join(guestPaths.packages, 'vitest/dist/worker.mjs')
mountDebugfs()
keepNothingBack()
startWorker()
keepMounts()
forwardKernelLog(await Port.open(ports.kmsg))
send({ type: 'hello', release: os.release(), node: process.version })
