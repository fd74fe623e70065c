"""The server's metrics, as Prometheus reads them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector


class Metrics:
    """Counters and gauges of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter("i94_requests", "Requests.", ["route", "status"], registry=self.registry)
        self.seconds = Histogram("i94_request_seconds", "Time to respond.", ["route"], registry=self.registry)
        self.in_flight = Gauge("i94_requests_in_flight", "Requests in progress.", registry=self.registry)
        self.responses = Counter("i94_responses", "Responses by cache result.", ["cache"], registry=self.registry)
        self.stopped = Counter("i94_queries_stopped", "Queries that ran into the timeout.", registry=self.registry)
        self.load_error = Gauge("i94_release_load_error", "1 if the release can't be loaded.", registry=self.registry)
        self.published = Gauge("i94_release_published_seconds", "When it was published.", registry=self.registry)
