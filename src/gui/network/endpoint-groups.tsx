import { Anchor, Progress } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import type { AGENT_API } from '../../core/api/agent-api.ts'
import type { Grouping } from '../../core/api/network-api.ts'
import type { Answer } from '../../core/api/route.ts'
import type { EndpointFilter } from '../api/network-queries.ts'
import { VirtualTable } from '../parts/virtual-table.tsx'
import { useTexts } from '../texts/texts.ts'
import { visibleName } from '../texts/visible-name.ts'
import { searchOfGroup } from './endpoint-search.ts'

/** The endpoints that are meant, by groups: each opens as a list of its own. */
export function EndpointGroups({
  mesh,
  by,
  filter,
  groups,
}: {
  mesh: string
  by: Grouping
  filter: EndpointFilter
  groups: Answer<typeof AGENT_API.countEndpoints>['groups']
}) {
  const { say, language } = useTexts()
  const number = new Intl.NumberFormat(language)
  return (
    <VirtualTable
      label={say('endpoints.groups')}
      count={groups.length}
      rowAt={index => groups[index]}
      columns={[
        {
          title: say(`endpoints.by.${by}`),
          share: 3,
          cell: ({ name }) => (
            <Anchor
              underline="always"
              renderRoot={props => (
                <Link
                  {...props}
                  to="/$mesh/endpoints"
                  params={{ mesh }}
                  search={{ ...filter, ...searchOfGroup(by, name) }}
                />
              )}
            >
              <bdi>{groupName(by, name)}</bdi>
            </Anchor>
          ),
        },
        { title: say('endpoints.title'), share: 1, cell: ({ count }) => number.format(count) },
        {
          title: say('state.online'),
          share: 2,
          cell: ({ count, onlineCount }) => (
            <>
              {number.format(onlineCount)}
              <Progress value={(100 * onlineCount) / count} size="xs" color="#14532d" aria-hidden />
            </>
          ),
        },
      ]}
    />
  )

  function groupName(of: Grouping, name: string): string {
    if (of === 'state') return say(name === 'online' ? 'state.online' : 'state.offline')
    return name === '' ? say('endpoints.unlabelled') : visibleName(name)
  }
}
