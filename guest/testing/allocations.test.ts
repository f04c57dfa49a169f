// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { sourceLabels } from '../../kernel/source/labels.ts'
import { stackAmong, stackIn } from './allocation-stacks.ts'
import { failAllocations } from './allocations.ts'

const report = new URL('../../harness/verdict/reports/innocent/forced-failure.txt', import.meta.url)

test('the stack of a failure, without what is in every one', () => {
  const lines = readFileSync(report, 'utf8').split('\n')
  expect(stackIn(['before', ...lines])).toEqual(['netlink_sendmsg', '__sys_sendto'])
  const more = lines.map(line =>
    line.replace('netlink_sendmsg+', '? left_over+0x1/0x2\n pskb_copy.isra.0+').split('\n'),
  )
  expect(stackIn(more.flat())).toEqual(['pskb_copy', '__sys_sendto'])
  expect(stackIn(lines.slice(1, 10))).toEqual([])
})

test('where it does not work, all labels of kernels where it does are named', async () => {
  const failing = failAllocations(() => {})
  for (const label of sourceLabels.filter(name => name.startsWith('debug-')))
    await expect(failing).rejects.toThrow(label)
})

test('the stack of a failure in silence is that of the thread', () => {
  const text = `            node-710     [000] .....     4.100: <stack trace>
 => kmem_cache_alloc_noprof+0x10/0x20
 => of_another+0x10/0x20
 my node-71      [000] .....     4.120: <stack trace>
 => trace_event_raw_event_kmalloc+0x10/0x20
 => kmalloc_node_track_caller_noprof+0x10/0x20
 => kmalloc_reserve+0x10/0x20
 => __alloc_skb+0x10/0x20
 => kmalloc_of_a_module+0x10/0x20 [mine]
 => 0xffffffffa00090ac
 => netlink_ack.isra.0+0x10/0x20
            node-71      [000] .....     4.130: <stack trace>
 => of_the_next+0x10/0x20
`
  expect(stackAmong(text, '71')).toEqual(['kmalloc_of_a_module', '(an unloaded module)', 'netlink_ack'])
  expect(stackAmong(text, '7')).toEqual([])
})
