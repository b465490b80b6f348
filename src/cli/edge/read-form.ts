import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Json, setMember } from '../../core/edge/entity-members.ts'
import { EDGE_FORMS, type FormTools, type WritableKind } from './edge-forms.ts'

/** Give a command the options of a kind. @param isCreate  those that a new one needs are required */
export function addFormOptions(command: Command, kind: WritableKind, isCreate: boolean): void {
  for (const { flags, about, choices, parse, isRequired } of EDGE_FORMS[kind].options) {
    const option = new Option(flags, about).makeOptionMandatory(isCreate && isRequired === true)
    if (choices !== undefined) option.choices(choices)
    if (parse !== undefined) option.argParser(parse)
    command.addOption(option)
  }
  command.option('--tags <tag...>', 'tags, as KEY=VALUE', parseTag)
  command.option('--set <member...>', 'any other member, as NAME=JSON', parseMember)
}

/** The body that the options of a command line mean: only the members that were named. @throws MeshError */
export async function readForm(
  kind: WritableKind,
  options: Readonly<Record<string, unknown>>,
  tools: FormTools,
): Promise<Record<string, Json>> {
  const body: Record<string, Json> = {}
  for (const { flags, member, value } of EDGE_FORMS[kind].options) {
    const option = new Option(flags)
    const given = options[option.attributeName()]
    if (given === undefined || option.negate) continue
    setMember(body, member, (value === undefined ? given : await value(given as never, tools)) as Json)
  }
  if (options.tags !== undefined) body.tags = options.tags as Json
  for (const [name, value] of Object.entries((options.set ?? {}) as Record<string, Json>))
    setMember(body, name, value)
  return body
}

function parseTag(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const equals = text.indexOf('=')
  if (equals < 1) throw new InvalidArgumentError('write KEY=VALUE')
  return { ...before, [text.slice(0, equals)]: text.slice(equals + 1) }
}

function parseMember(text: string, before: Readonly<Record<string, Json>> = {}): Record<string, Json> {
  const equals = text.indexOf('=')
  if (equals < 1) throw new InvalidArgumentError('write NAME=JSON')
  const [name, value] = [text.slice(0, equals), text.slice(equals + 1)]
  return { ...before, [name]: readJson(value) }
}

/** JSON, or a text that is none: `--set name=web` needs no quotes. */
function readJson(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return text
  }
}
