import { Group, List, Stack, Table, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { z } from 'zod'
import {
  ADVICE_KEYS,
  type AdviceKey,
  type AdviceSentence,
  sayAdvice,
} from '../../core/edge/advice-sentences.ts'
import { EDGE_QUERIES } from '../api/edge-queries.ts'
import { formatCommand } from '../parts/command-words.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Name } from '../parts/name.tsx'
import { StateBadge } from '../parts/state-badge.tsx'
import { useTexts } from '../texts/texts.ts'
import { EntityChoice } from './entity-choice.tsx'

/** Whether an identity may dial and host a service, by which policy, over which hubs, and what is missing. */
export function AdvisorSection({ mesh }: { mesh: string }) {
  const { say } = useTexts()
  const [identity, setIdentity] = useState<string | null>(null)
  const [service, setService] = useState<string | null>(null)
  return (
    <Stack>
      <Title order={1}>{say('advice.title')}</Title>
      <Text size="sm">{say('advice.ask')}</Text>
      <Group grow align="start">
        <EntityChoice
          mesh={mesh}
          kind="identity"
          label={say('edge.identity')}
          value={identity}
          onChange={setIdentity}
        />
        <EntityChoice
          mesh={mesh}
          kind="service"
          label={say('service.name')}
          value={service}
          onChange={setService}
        />
      </Group>
      {identity !== null && service !== null && <Advice mesh={mesh} identity={identity} service={service} />}
      <EqualCommand>
        {formatCommand(
          'ztm',
          'policy',
          'test',
          '--identity',
          identity ?? 'IDENTITY',
          '--service',
          service ?? 'SERVICE',
        )}
      </EqualCommand>
    </Stack>
  )
}

function Advice({ mesh, identity, service }: { mesh: string; identity: string; service: string }) {
  const { say } = useTexts()
  const path = `/identities/${encodeURIComponent(identity)}/policy-advice/${encodeURIComponent(service)}`
  const query = useQuery(EDGE_QUERIES.ask(mesh, path))
  return (
    <Loaded query={query}>
      {answer => {
        const { data: advice, error } = adviceShape.safeParse(answer)
        if (advice === undefined) return <Failure error={error} />
        const { isDialAllowed, isBindAllowed, dialPolicy, bindPolicy, commonRouters } = advice
        return (
          <Table aria-label={say('advice.title')} variant="vertical" layout="fixed">
            <Table.Tbody>
              <Row title={say('advice.dial')}>
                <Verdict isAllowed={isDialAllowed} policy={dialPolicy} />
              </Row>
              <Row title={say('advice.bind')}>
                <Verdict isAllowed={isBindAllowed} policy={bindPolicy} />
              </Row>
              <Row title={say('advice.hubs')}>
                <Group gap="xs">
                  {commonRouters.length === 0 && say('advice.noHub')}
                  {commonRouters.map(({ id, name, isOnline }) => (
                    <Group key={id} gap={4}>
                      <Name>{name}</Name>
                      <StateBadge mood={isOnline ? 'well' : 'resting'}>
                        {say(isOnline ? 'state.online' : 'state.offline')}
                      </StateBadge>
                    </Group>
                  ))}
                </Group>
              </Row>
              <Row title={say('advice.because')}>
                <List size="sm">
                  {sentencesOf(advice, key => say(`advice.reason.${key}`)).map(reason => (
                    <List.Item key={reason}>
                      <Name>{reason}</Name>
                    </List.Item>
                  ))}
                </List>
              </Row>
            </Table.Tbody>
          </Table>
        )
      }}
    </Loaded>
  )
}

function Row({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <Table.Tr>
      <Table.Th w={140}>{title}</Table.Th>
      <Table.Td style={{ overflowWrap: 'anywhere' }}>{children}</Table.Td>
    </Table.Tr>
  )
}

function Verdict({ isAllowed, policy }: { isAllowed: boolean; policy: string | null | undefined }) {
  const { say } = useTexts()
  if (!isAllowed) return <StateBadge mood="ill">{say('advice.no')}</StateBadge>
  const [before = '', after = ''] = say('advice.yesBy').split('{policy}')
  return (
    <Group gap="xs">
      <StateBadge mood="well">{say('advice.yes')}</StateBadge>
      {policy != null && (
        <span>
          {before}
          <Name>{policy}</Name>
          {after}
        </span>
      )}
    </Group>
  )
}

const sentenceShape: z.ZodType<AdviceSentence> = z.object({
  says: z.enum(ADVICE_KEYS),
  values: z.record(z.string(), z.union([z.string(), z.number(), z.lazy(() => sentenceShape)])).optional(),
})
const adviceShape = z.looseObject({
  isDialAllowed: z.boolean(),
  isBindAllowed: z.boolean(),
  dialPolicy: z.string().nullish(),
  bindPolicy: z.string().nullish(),
  commonRouters: z.array(z.looseObject({ id: z.string(), name: z.string(), isOnline: z.boolean() })),
  explanation: z.array(z.string()).default([]),
  /** Absent from an older controller, and not understood from a later one, which explains in English. */
  reasons: z.array(sentenceShape).optional().catch(undefined),
})

/** Why, in the reader's language. */
function sentencesOf(
  { reasons, explanation }: z.output<typeof adviceShape>,
  words: (key: AdviceKey) => string,
): string[] {
  return reasons?.map(reason => sayAdvice(reason, words)) ?? explanation
}
