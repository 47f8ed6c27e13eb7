"""What beat runs, and how often. An admin may change an interval; the task stays what it is."""

from dataclasses import dataclass

from django_celery_beat.models import IntervalSchedule, PeriodicTask


@dataclass(frozen=True, slots=True)
class Schedule:
    """One periodic task; `expires_s`: a run that could not begin within this is dropped."""

    name: str
    task: str
    every_s: int
    expires_s: int


SCHEDULES = (
    Schedule("Beat's own heartbeat", "monitoring.beat_heartbeat", 5, 10),
    Schedule("Prices and closed frames", "trading.tasks.poll_venues", 1, 3),
    Schedule("24 h figures", "trading.tasks.poll_days", 60, 50),
    Schedule("Supervision of engines", "trading.tasks.supervise", 5, 10),
)


def set_up_schedules() -> int:
    """Make the schedules that are missing; give how many were made. What is there stays."""
    made = 0
    for schedule in SCHEDULES:
        interval, _ = IntervalSchedule.objects.get_or_create(
            every=schedule.every_s, period=IntervalSchedule.SECONDS
        )
        _, created = PeriodicTask.objects.get_or_create(
            name=schedule.name,
            defaults={
                "task": schedule.task,
                "interval": interval,
                "expire_seconds": schedule.expires_s,
            },
        )
        made += created
    return made
