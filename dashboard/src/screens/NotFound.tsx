// An address that is no screen.
import { Link } from '@tanstack/react-router'
import { buttonLook } from '../ui/Button'
import { Empty } from '../ui/Notice'
import { Page } from '../ui/Page'

export function NotFound() {
  return (
    <Page title="Nothing is here">
      <Empty title="This address is none of the dashboard's.">
        <Link to="/executions" className={`mt-4 ${buttonLook()}`}>
          All executions
        </Link>
      </Empty>
    </Page>
  )
}
