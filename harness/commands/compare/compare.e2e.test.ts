// SPDX-License-Identifier: MIT
/** `compare` as users run it: a project in a git repository, with a module of its own. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ownFolder } from '../../base/own-folder.ts'
import { runCli } from '../../fixtures/cli.ts'

const kernel = ['--kernel', 'debian-6.1']
const modules = path.join(ownFolder, 'kernel/modules')
let project: string
const inProject = (name: string) => path.join(project, name)
const source = () => inProject('module/nlexample.c')
const run = (...args: string[]) => runCli(['compare', ...args, ...kernel], { cwd: project })
const git = (...args: string[]) =>
  execa('git', ['-c', 'user.name=x', '-c', 'user.email=x@x', ...args], { cwd: project })

/** Changes the module in the work tree. */
function change(from: string, to: string): void {
  const before = readFileSync(source(), 'utf8')
  expect(before.split(from)).toHaveLength(2)
  writeFileSync(source(), before.replace(from, to))
}

const files = {
  'netlink-vmtest.config.ts': "export default { modules: 'module', suites: ['*.test.ts'] }\n",
  '.gitignore': '.netlink-vmtest\n',
  // No test looks at the errno.
  'get.test.ts': `import { attr, encodeMessage, Socket } from 'netlink-vmtest/netlink'
import { loadModule, unloadModule } from 'netlink-vmtest/testing'
import { expect, test } from 'vitest'

test('an update without its attribute is refused', async () => {
  loadModule('nlexample')
  {
    using socket = Socket.open(21)
    socket.send(encodeMessage({ type: 16, flags: 1, sequence: 7 }))
    expect(await socket.receive({ timeout: 5000 })).toBeDefined()
  }
  unloadModule('nlexample')
})
`,
  'other.test.ts': "import { test } from 'vitest'\n\ntest('needs no module', () => {})\n",
}

beforeAll(async () => {
  project = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-compare-'))
  cpSync(path.join(modules, 'nlexample'), inProject('module'), { recursive: true })
  for (const [name, content] of Object.entries(files)) writeFileSync(inProject(name), content)
  await git('init', '--quiet', '--initial-branch', 'main')
  await git('add', '--all')
  await git('commit', '--quiet', '-m', 'first')
})
afterAll(() => rmSync(project, { recursive: true }))

test('a revision against itself: nothing has changed, and all ran once', async () => {
  const { status, stdout } = await run('HEAD', 'main')
  expect(stdout).toMatch(/^what files can load is the same on both sides: they ran once$/m)
  expect(stdout).toMatch(/^2 files on debian-6\.1 \(6\.1\.\S+\); 0 on both sides, 0 run again$/m)
  expect(stdout).toMatch(/^no change, from HEAD \(\w{12}\) to main \(\w{12}\) \(/m)
  expect(status).toBe(0)
  expect((await git('status', '--porcelain')).stdout).toBe('')
})

const line = 'behaviour: protocol 21 type 16: EINVAL became ENODATA'

test('a change that no test notices is told as behaviour; only files that load the module run again', async () => {
  change('return -EINVAL;', 'return -ENODATA;')
  const { status, stdout } = await run('HEAD', '--json', 'c.json', '--markdown', 'c.md')
  expect(stdout).toContain(`✗ ${line}\n    request:\n      type 16: 16 bytes, flags REQUEST\n`)
  // The last test's BASE was the same.
  expect(stdout).toContain('\nBASE did not run: 2 of its files are known from earlier comparisons\n')
  expect(stdout).toMatch(/^ {4}in get\.test\.ts > an update without its attribute is refused$/m)
  expect(stdout).toMatch(/^ {4}again: \S+ compare HEAD --kernel debian-6\.1 get\.test\.ts$/m)
  expect(stdout).toMatch(
    /; 1 on both sides, [24] run again\n1 change that matters, from .* to the work tree \(/,
  )
  expect(status).toBe(1)
  const json = JSON.parse(readFileSync(inProject('c.json'), 'utf8')) as object
  expect(json).toMatchObject({
    version: 1,
    status: 1,
    findings: [{ kind: 'behaviour', was: 'EINVAL', is: 'ENODATA' }],
  })
  expect(readFileSync(inProject('c.md'), 'utf8')).toMatch(/^❌ \*\*1 change that matters, from /)
})

test('a file stands in for BASE, and what is wanted is accepted', async () => {
  const saved = await run('--save-baseline', 'main.baseline', 'HEAD', 'get', '--no-probe')
  expect(saved.stdout).toMatch(
    /^main\.baseline: the baseline of HEAD \(\w{12}\): 1 file; 0 places vary by themselves$/,
  )
  writeFileSync(inProject('accepted.yaml'), `- '${line}'\n- 'test: another'\n`)
  const { status, stdout } = await run(
    '--baseline',
    'main.baseline',
    '--accept',
    'accepted.yaml',
    '--no-probe',
  )
  expect(stdout).toContain(`accepted, and did not come: test: another\n1 accepted: ${line}\n`)
  expect(stdout).toContain('other.test.ts is not in the baseline of debian-6.1\n')
  expect(stdout).toMatch(
    /^nothing but what is accepted, from the baseline of HEAD \(\w{12}\) to the work tree \(/m,
  )
  expect(status).toBe(0)
})

test('a side that does not compile, and what there is nothing of', async () => {
  change('return -ENODATA;', 'return -ENODATA')
  writeFileSync(inProject('old.md'), 'no change')
  const broken = await run('main', '--json', 'c.json', '--markdown', 'old.md')
  expect(JSON.parse(readFileSync(inProject('c.json'), 'utf8'))).toMatchObject({
    status: 3,
    lost: [expect.stringMatching(/^HEAD, the work tree: .*does not build for /)],
  })
  expect(readFileSync(inProject('old.md'), 'utf8')).toMatch(
    /^❌ \*\*nothing is compared, from main \(\w{12}\) to the work tree\*\*/,
  )
  expect(broken.stderr).toMatch(/^module\/nlexample\.c:\d+:\d+: error: expected ';'/m)
  expect(broken.stderr).toMatch(/^error: HEAD, the work tree: .*does not build for /m)
  expect(broken.status).toBe(3)
  const { stdout: revision } = await git('stash', 'create')
  const base = await run(revision, 'main')
  expect(base.stderr).toMatch(/^module\/nlexample\.c:\d+:\d+: error: expected ';'/m)
  expect(base.stderr).toMatch(/^error: BASE, [\da-f]+ \([\da-f]{12}\): .*does not build for /m)
  const none = await run('main', 'main', 'nosuchfile', '--no-probe', '--markdown', 'old.md')
  expect(existsSync(inProject('old.md'))).toBe(false)
  expect(none.stderr).toMatch(
    /error: no test file matches nosuchfile, and nosuchfile is neither a revision nor a folder of modules$/,
  )
  expect(none.status).toBe(2)
})

test('a module without suites is compared by what probing it shows', async () => {
  const folders = ['before', 'after'].map(name => {
    const folder = inProject(name)
    mkdirSync(folder)
    cpSync(path.join(modules, 'genlexample'), folder, { recursive: true })
    return folder
  })
  const [before = '', after = ''] = folders
  const file = path.join(after, 'genlexample.c')
  const text = readFileSync(file, 'utf8')
  // The module has another name, too.
  rmSync(file)
  writeFileSync(path.join(after, 'other.c'), text.replace('return -EINVAL;', 'return -ENOENT;'))
  expect(readFileSync(path.join(after, 'other.c'), 'utf8')).not.toBe(text)
  writeFileSync(path.join(after, 'Kbuild'), 'obj-m := other.o\n')
  const { status, stdout } = await run(before, after, 'command-0')
  expect(stdout).toMatch(/^✗ behaviour: nlex command 0: EINVAL became ENOENT \(/m)
  expect(stdout).toMatch(/^✗ family: nlex: its module: genlexample became other$/m)
  expect(status).toBe(1)
  expect(existsSync(inProject('.netlink-vmtest/probe'))).toBe(false)
})

/** What GET of pairs answers, and an event of it, which names no request. */
const answeredAndTold = (calls: readonly [string, string]) => `\t{
\t\tstruct sk_buff *event = skb_copy(msg, GFP_KERNEL);

\t\tif (event)
\t\t\tnlmsg_hdr(event)->nlmsg_seq = nlmsg_hdr(event)->nlmsg_pid = 0;
\t\t${calls.join('\n\t\t')}
\t\treturn err;
\t}
`

test('a removal that nobody is told of, a flag that only some families know, and an event before its answer are behaviour', async () => {
  const probed = path.join(modules, 'probed')
  const [before = '', after = ''] = ['pairs-before', 'pairs-after'].map(name => {
    const folder = inProject(name)
    mkdirSync(folder)
    for (const file of ['pairs.c', 'probed.h']) cpSync(path.join(probed, file), path.join(folder, file))
    writeFileSync(path.join(folder, 'Kbuild'), 'obj-m := pairs.o\n')
    return folder
  })
  const edit = (folder: string, ...changes: (readonly [from: string, to: string])[]) => {
    const file = path.join(folder, 'pairs.c')
    let text = readFileSync(file, 'utf8')
    for (const [from, to] of changes) {
      expect(text.split(from)).toHaveLength(2)
      text = text.replace(from, to)
    }
    writeFileSync(file, text)
  }
  const reply = '\treturn genlmsg_reply(msg, info);\n'
  const [answer, tell] = ['err = genlmsg_reply(msg, info);', 'tell(&pairs_family, &init_net, event);']
  edit(before, [reply, answeredAndTold([answer, tell])])
  const check = '\tif (!info->attrs[PAIRS_A_KEY] || !value)\n'
  edit(
    after,
    [reply, answeredAndTold([tell, answer])],
    ['\t\tpairs_notify(e, info, PAIRS_CMD_DEL);\n', ''],
    [check, `\tif (flags & NLM_F_APPEND)\n\t\treturn -EOPNOTSUPP;\n${check}`],
  )
  const { status, stdout } = await run(before, after, 'family.test')
  expect(stdout).toMatch(
    /^✗ behaviour: probed_pairs command 3: is no longer told to group probed_pairs\/changes \(probed_pairs command 3\) \(/m,
  )
  expect(stdout).toMatch(/^✗ behaviour: probed_pairs command 1: .* became EOPNOTSUPP \(/m)
  expect(stdout).toMatch(
    /^✗ behaviour: the place of probed_pairs command 2, as told to group probed_pairs\/changes: after an answer became before any answer/m,
  )
  expect(status).toBe(1)
})
