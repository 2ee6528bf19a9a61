"""From raw tables to what learners read: scaled numbers, categories, packed row blocks."""

from skboost.tables._categorical import OneHot
from skboost.tables._encoder import TableEncoder
from skboost.tables._numeric import NumericScaling
from skboost.tables._table import Table, read_table

__all__ = ["NumericScaling", "OneHot", "Table", "TableEncoder", "read_table"]
