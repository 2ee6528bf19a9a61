"""From raw tables to what learners read: scaled numbers, categories, packed row blocks."""

from skboost.tables._encoder import TableEncoder
from skboost.tables._table import Table, read_table

__all__ = ["Table", "TableEncoder", "read_table"]
