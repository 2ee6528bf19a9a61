"""Networks trained by gradient boosting."""

from skboost.networks._classifier import BoostedNetworkClassifier
from skboost.networks._layers import LayeredNetwork
from skboost.networks._merged import Network
from skboost.networks._regressor import BoostedNetworkRegressor

__all__ = ["BoostedNetworkClassifier", "BoostedNetworkRegressor", "LayeredNetwork", "Network"]
