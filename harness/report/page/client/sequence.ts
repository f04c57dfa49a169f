// SPDX-License-Identifier: MIT
import { html, nothing, type TemplateResult } from 'lit-html'
import type { SequenceDiagram, SequenceRow } from '../../../../guest/agent/protocol.ts'
import { visible } from './text.ts'

/** A conversation as a sequence diagram: time downwards, a lifeline for the kernel and each socket. */
export function sequence({ lanes, rows }: SequenceDiagram): TemplateResult {
  const titles = lanes.map(lane => lane.map(visible))
  return html`
    <div class="sequence" style=${`--lanes: ${lanes.length}`}>
      <div class="row heads" aria-hidden="true">
        <span class="time">ms</span>
        <span class="lanes">
          ${titles.map(
            ([title, ...more]) => html`
            <span class="head">
              <b>${title}</b>${more.map(each => html`<small>${each}</small>`)}
            </span>`,
          )}
        </span>
      </div>
      <ol>${rows.map(each => row(each, titles))}</ol>
    </div>`
}

function row(each: SequenceRow, titles: readonly (readonly string[])[]): TemplateResult {
  const { time, verdict, text } = each
  if (time === undefined && verdict === undefined)
    return html`<li class="row remark">${text.map(visible).join('\n')}</li>`
  const [first = '', ...more] = text.map(visible)
  return html`
    <li class="row ${verdict ?? ''}">
      <span class="time">${time === undefined ? '' : time.toFixed(1)}</span>
      <span class="lanes" aria-hidden="true">
        ${titles.map((_, at) => html`<i class="line" style=${`left: ${place(at, titles.length)}%`}></i>`)}
        ${happening(each, titles.length)}
      </span>
      <div class="said">
        <span class="unseen">${inWords(each, titles)}</span>
        <code class="first">${first}</code>
        ${more.length === 0 ? nothing : html`<pre>${more.join('\n')}</pre>`}
      </div>
    </li>`
}

function happening({ arrow, mark, verdict }: SequenceRow, lanes: number): TemplateResult | typeof nothing {
  if (mark) {
    const shape = mark.sign === '✗' ? 'dot' : 'ring'
    return html`<i class="mark ${shape}" style=${`left: ${place(mark.lane, lanes)}%`}></i>`
  }
  if (!arrow) return nothing
  const { from, to, label } = arrow
  if (from === to) return html`<i class="mark self" style=${`left: ${place(from, lanes)}%`}>↺</i>`
  const [left, right] = [place(Math.min(from, to), lanes), place(Math.max(from, to), lanes)]
  const way = `left: ${left}%; width: ${right - left}%`
  return html`
    <i class="arrow ${from < to ? 'rightwards' : 'leftwards'} ${verdict ?? ''}" style=${way}>
      ${label ? html`<span class="label">${visible(label)}</span>` : nothing}
    </i>`
}

/** What the arrow says, for those who hear the page. */
function inWords({ arrow, mark, verdict }: SequenceRow, titles: readonly (readonly string[])[]): string {
  const name = (lane: number) => titles[lane]?.[0] ?? ''
  const way = arrow ? `${name(arrow.from)} to ${name(arrow.to)}` : mark ? name(mark.lane) : ''
  const what = verdict === 'missing' ? 'missing' : verdict === 'unexpected' ? 'unexpected' : ''
  return [what, way, arrow?.label].filter(Boolean).join(', ') + (way || what ? ': ' : '')
}

/** The middle of a lane, in percent. */
function place(lane: number, lanes: number): number {
  return ((lane + 0.5) / lanes) * 100
}
