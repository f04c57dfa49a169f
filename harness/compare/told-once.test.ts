// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import type { Finding } from './finding.ts'
import { toldOnce } from './told-once.ts'

const finding = (kind: Finding['kind'], where: string, more: Partial<Finding> = {}): Finding => ({
  ...{ kind, where, kernel: undefined, was: undefined, is: undefined, matters: true },
  ...more,
})
const logged = (was: string | undefined, is: string | undefined) =>
  finding('log', 'while tests run', { was, is, text: `the kernel logs '${is}', was '${was}'` })

test('a line that a module logs when it is loaded is told once; other lines that tests see are told', () => {
  const loading = finding('log', 'box: log on load', { was: "'box: ready'", is: "'box: is ready'" })
  const fresh = finding('log', "box: log on unload: 'box: gone'", { is: 'level info' })
  const others = [logged('box: full', 'box: is full'), logged('box: ready', 'box: is full')]
  const repeated = [logged('box: ready', 'box: is ready'), logged(undefined, 'box: gone')]
  expect(toldOnce([...repeated, ...others], [loading, fresh])).toEqual(others)
  expect(toldOnce(repeated, [])).toEqual(repeated)
})

test('so is the level of such a line', () => {
  const at = (line: string, was: string, is: string) =>
    finding('log', 'while tests run', {
      ...{ was, is, text: `the kernel logs '${line}' at level ${is}, was ${was}` },
    })
  const was = 'level info'
  const loading = finding('log', "box: log on load: 'box: ready'", { was, is: 'level warning' })
  const others = [at('box: full', 'info', 'warning'), at('box: ready', 'info', 'err')]
  expect(toldOnce([at('box: ready', 'info', 'warning'), ...others], [loading])).toEqual(others)
})

test('what nlctrl answers is told as what families are', () => {
  const nlctrl = finding('behaviour', 'CTRL_CMD_NEWFAMILY', { was: '1', is: '2' })
  expect(toldOnce([nlctrl], [finding('family', 'box: version', { was: '1', is: '2' })])).toEqual([])
  expect(toldOnce([nlctrl], [])).toEqual([nlctrl])
})

test('how many families there are follows from modules that are loaded with others, or not', () => {
  const where = 'CTRL_CMD_GETFAMILY dump'
  const counted = finding('behaviour', where, { was: '16', is: '15', text: `${where}: 15 entries, was 16` })
  const other = finding('behaviour', 'get dump', { text: 'get dump: 15 entries, was 16' })
  const value = finding('behaviour', where, { text: `${where}: version of CTRL_CMD_NEWFAMILY: 1 became 2` })
  const needs = finding('module', 'box: needs the modules', { was: 'a', is: 'b' })
  expect(toldOnce([counted, other, value], [needs])).toEqual([other, value])
  expect(toldOnce([counted], [finding('module', 'core', { is: 'built' })])).toEqual([])
  expect(toldOnce([counted], [finding('module', 'core: alias', { is: 'x' })])).toEqual([counted])
})

test('whether nlctrl finds a family is told, unless that has come, gone or another name', () => {
  const [where, was, is] = ['CTRL_CMD_GETFAMILY in another network namespace', 'ENOENT', 'CTRL_CMD_NEWFAMILY']
  const found = finding('behaviour', where, { was, is, text: `${where}: ${was} became ${is}` })
  expect(toldOnce([found], [finding('family', 'box: version', { was: '1', is: '2' })])).toEqual([found])
  expect(toldOnce([found], [finding('family', 'box', { is: 'registered by box' })])).toEqual([])
  const renamed = finding('family', 'box: the name of a family', { was: 'box', is: 'crate' })
  expect(toldOnce([found], [renamed])).toEqual([])
})

test('the policy that an extended ack names, and the version of messages are told as those of the family', () => {
  const acked = (family: string, text: string) =>
    finding('behaviour', `${family} command 1`, { text: `${family} command 1: ${text}` })
  const policy = 'the policy in the extended ack of ERANGE: maximum 10 became maximum 11'
  const others = [acked('box', 'ERANGE became EINVAL'), acked('crate', policy)]
  const limits = finding('family', 'box: attribute 2', { was: 'u32, to 10', is: 'u32, to 11' })
  expect(toldOnce([acked('box', policy), ...others], [limits])).toEqual(others)
  const version = finding('family', 'box: version', { was: '1', is: '2' })
  const versions = acked('box', 'version of box command 1, as told to group box/all: 1 became 2')
  const wrong = acked('box', 'version of box command 1: 1 became 3')
  const unasked = finding('behaviour', 'protocol 16', {
    text: 'version of box command 1, as told to group box/all: 1 became 2',
  })
  expect(toldOnce([versions, unasked, wrong], [version])).toEqual([wrong])
  expect(toldOnce([versions], [limits])).toEqual([versions])
  expect(toldOnce([acked('box', policy)], [version])).toEqual([acked('box', policy)])
})
